// Counted strings: made, copied, appended, duplicated; what happens where the room ends.
// EXE-01
#include "fakepool.h"
#include "rtl/ustring.h"

#include <gtest/gtest.h>
#include <string>

namespace {

std::u16string Text(const UNICODE_STRING& string) { return {string.Buffer, string.Length / sizeof(WCHAR)}; }
std::string Text(const STRING& string) { return {string.Buffer, string.Length}; }

constexpr WCHAR MARK = 0xAAAA;

/// A string with room for `characters`; the ones behind must never change.
class Room {
public:
    explicit Room(ULONG characters) {
        for (WCHAR& character : m_buffer)
            character = MARK;
        String = {0, USHORT(characters * sizeof(WCHAR)), m_buffer};
    }
    ~Room() {
        for (ULONG i = String.MaximumLength / sizeof(WCHAR); i < 16; i++)
            EXPECT_EQ(m_buffer[i], MARK) << "wrote behind the room, at " << i;
    }
    [[nodiscard]] WCHAR At(ULONG index) const { return m_buffer[index]; }

    UNICODE_STRING String;

private:
    WCHAR m_buffer[16];
};

UNICODE_STRING Of(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

} // namespace

TEST(UnicodeStringTest, InitDescribesTheText) {
    UNICODE_STRING string = Of(u"mica");
    EXPECT_EQ(string.Length, 8);
    EXPECT_EQ(string.MaximumLength, 10);
    string = Of(nullptr);
    EXPECT_TRUE(string.Length == 0 && string.MaximumLength == 0 && string.Buffer == nullptr);
    string = Of(u"");
    EXPECT_TRUE(string.Length == 0 && string.MaximumLength == 2 && string.Buffer != nullptr);
    STRING narrow;
    RtlInitAnsiString(&narrow, "mica");
    EXPECT_TRUE(narrow.Length == 4 && narrow.MaximumLength == 5);
    RtlInitString(&narrow, nullptr);
    EXPECT_TRUE(narrow.Length == 0 && narrow.MaximumLength == 0 && narrow.Buffer == nullptr);
}

TEST(UnicodeStringTest, InitStopsAtTheLongestText) {
    const std::u16string longest(32766, 'x');
    UNICODE_STRING string = {};
    EXPECT_EQ(RtlInitUnicodeStringEx(&string, longest.c_str()), STATUS_SUCCESS);
    EXPECT_EQ(string.Length, 65532);
    EXPECT_EQ(string.MaximumLength, 65534);
    string = {};
    EXPECT_EQ(RtlInitUnicodeStringEx(&string, (longest + u"y").c_str()), STATUS_NAME_TOO_LONG);
    EXPECT_EQ(string.Buffer, nullptr);
    RtlInitUnicodeString(&string, (longest + u"yz").c_str());
    EXPECT_EQ(string.Length, 65532);
    STRING narrow = {};
    EXPECT_EQ(RtlInitAnsiStringEx(&narrow, std::string(65534, 'x').c_str()), STATUS_SUCCESS);
    EXPECT_EQ(narrow.MaximumLength, 65535);
    EXPECT_EQ(RtlInitAnsiStringEx(&narrow, std::string(65535, 'x').c_str()), STATUS_NAME_TOO_LONG);
}

TEST(UnicodeStringTest, CopyTakesWhatFits) {
    Room room(4);
    const UNICODE_STRING source = Of(u"abcdef");
    RtlCopyUnicodeString(&room.String, &source);
    EXPECT_EQ(Text(room.String), u"abcd");
    const UNICODE_STRING brief = Of(u"xy");
    RtlCopyUnicodeString(&room.String, &brief);
    EXPECT_EQ(Text(room.String), u"xy");
    EXPECT_EQ(room.At(2), 0) << "ended with a 0, as there is room";
    EXPECT_EQ(room.At(3), 'd') << "and nothing else changed";
    RtlCopyUnicodeString(&room.String, nullptr);
    EXPECT_EQ(room.String.Length, 0);

    CHAR buffer[] = "------";
    STRING narrow = {0, 3, buffer};
    STRING text;
    RtlInitString(&text, "abcdef");
    RtlCopyString(&narrow, &text);
    EXPECT_EQ(Text(narrow), "abc");
    EXPECT_STREQ(buffer, "abc---") << "no 0 is added";
}

TEST(UnicodeStringTest, CopyNeverTakesHalfACharacter) {
    Room room(3);
    room.String.MaximumLength = 5;
    const UNICODE_STRING source = Of(u"abc");
    RtlCopyUnicodeString(&room.String, &source);
    EXPECT_EQ(Text(room.String), u"ab");
    EXPECT_EQ(room.At(2), MARK);
    room.String.MaximumLength = 6;
}

TEST(UnicodeStringTest, AppendTakesAllOrNothing) {
    Room room(5);
    const UNICODE_STRING three = Of(u"abc");
    EXPECT_EQ(RtlAppendUnicodeStringToString(&room.String, &three), STATUS_SUCCESS);
    EXPECT_EQ(room.At(3), 0);
    EXPECT_EQ(RtlAppendUnicodeStringToString(&room.String, &three), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Text(room.String), u"abc");
    EXPECT_EQ(RtlAppendUnicodeToString(&room.String, u"de"), STATUS_SUCCESS) << "just full: no 0";
    EXPECT_EQ(Text(room.String), u"abcde");
    EXPECT_EQ(RtlAppendUnicodeToString(&room.String, u"f"), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(RtlAppendUnicodeToString(&room.String, nullptr), STATUS_SUCCESS);
    const std::u16string tooLong(70000, 'x');
    EXPECT_EQ(RtlAppendUnicodeToString(&room.String, tooLong.c_str()), STATUS_BUFFER_TOO_SMALL);

    CHAR buffer[] = "ab----";
    STRING narrow = {2, 5, buffer};
    STRING text;
    RtlInitString(&text, "cd");
    EXPECT_EQ(RtlAppendStringToString(&narrow, &text), STATUS_SUCCESS);
    EXPECT_EQ(RtlAppendAsciizToString(&narrow, "ef"), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(RtlAppendAsciizToString(&narrow, "e"), STATUS_SUCCESS);
    EXPECT_STREQ(buffer, "abcde-");
}

TEST(UnicodeStringTest, AStringAppendsToItself) {
    Room room(8);
    (void)RtlAppendUnicodeToString(&room.String, u"abc");
    EXPECT_EQ(RtlAppendUnicodeStringToString(&room.String, &room.String), STATUS_SUCCESS);
    EXPECT_EQ(Text(room.String), u"abcabc");
}

TEST(UnicodeStringTest, CreateCopiesAndFreeForgets) {
    UNICODE_STRING string;
    ASSERT_TRUE(RtlCreateUnicodeString(&string, u"mica"));
    EXPECT_EQ(Text(string), u"mica");
    EXPECT_EQ(string.MaximumLength, 10);
    EXPECT_EQ(string.Buffer[4], 0);
    RtlFreeUnicodeString(&string);
    EXPECT_TRUE(string.Length == 0 && string.MaximumLength == 0 && string.Buffer == nullptr);
    RtlFreeUnicodeString(&string); // of an empty string: nothing
    host::PoolFailures = 1;
    EXPECT_FALSE(RtlCreateUnicodeString(&string, u"mica"));
    EXPECT_FALSE(RtlCreateUnicodeString(&string, std::u16string(40000, 'x').c_str()));
}

TEST(UnicodeStringTest, DuplicateKnowsItsFlags) {
    const UNICODE_STRING source = Of(u"mica");
    const UNICODE_STRING empty = Of(u"");
    UNICODE_STRING copy;
    EXPECT_EQ(RtlDuplicateUnicodeString(0, &source, &copy), STATUS_SUCCESS);
    EXPECT_EQ(copy.MaximumLength, 8);
    EXPECT_EQ(Text(copy), u"mica");
    RtlFreeUnicodeString(&copy);
    EXPECT_EQ(RtlDuplicateUnicodeString(1, &source, &copy), STATUS_SUCCESS);
    EXPECT_EQ(copy.MaximumLength, 10);
    EXPECT_EQ(copy.Buffer[4], 0);
    RtlFreeUnicodeString(&copy);
    EXPECT_EQ(RtlDuplicateUnicodeString(1, &empty, &copy), STATUS_SUCCESS);
    EXPECT_EQ(copy.Buffer, nullptr);
    EXPECT_EQ(RtlDuplicateUnicodeString(3, &empty, &copy), STATUS_SUCCESS);
    ASSERT_NE(copy.Buffer, nullptr);
    EXPECT_EQ(copy.MaximumLength, 2);
    EXPECT_EQ(copy.Buffer[0], 0);
    RtlFreeUnicodeString(&copy);
    EXPECT_EQ(RtlDuplicateUnicodeString(2, &source, &copy), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlDuplicateUnicodeString(4, &source, &copy), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlDuplicateUnicodeString(0, &source, nullptr), STATUS_INVALID_PARAMETER);
    host::PoolFailures = 1;
    EXPECT_EQ(RtlDuplicateUnicodeString(0, &source, &copy), STATUS_NO_MEMORY);
}
