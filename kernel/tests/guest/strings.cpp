// Strings and memory as a driver uses them: the routines are imported from the kernel, the memory is its pool's.
#include "ex.h"
#include "guest_main.h"

namespace {

bool Is(const UNICODE_STRING& string, PCWSTR text) {
    UNICODE_STRING other;
    RtlInitUnicodeString(&other, text);
    return RtlEqualUnicodeString(&string, &other, FALSE);
}

} // namespace

// EXE-01
GUEST_TEST(ConversionsTakeTheirMemoryFromPool) {
    ANSI_STRING narrow;
    RtlInitAnsiString(&narrow, "\\Device\\B\xFChne");
    UNICODE_STRING wide;
    GUEST_EQUAL(STATUS_SUCCESS, RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE));
    GUEST_TRUE(Is(wide, u"\\Device\\Bühne"));
    UNICODE_STRING upper;
    GUEST_EQUAL(STATUS_SUCCESS, RtlUpcaseUnicodeString(&upper, &wide, TRUE));
    GUEST_TRUE(Is(upper, u"\\DEVICE\\BÜHNE"));
    RtlFreeUnicodeString(&upper);
    RtlFreeUnicodeString(&wide);
    GUEST_TRUE(wide.Buffer == nullptr);
}

// EXE-01, POL-05: the string's block is one of the pool's, with the strings' tag.
GUEST_TEST_BUGCHECK(AStringIsFreedOnce, BAD_POOL_CALLER) {
    UNICODE_STRING string;
    GUEST_TRUE(RtlCreateUnicodeString(&string, u"mica"));
    UNICODE_STRING twin = string;
    RtlFreeUnicodeString(&string);
    RtlFreeUnicodeString(&twin);
}

// EXE-01
GUEST_TEST(DriversFormatText) {
    CHAR buffer[16];
    WCHAR device[8];
    UNICODE_STRING name = {0, sizeof(device), device};
    GUEST_EQUAL(STATUS_SUCCESS, RtlAppendUnicodeToString(&name, u"Disk"));
    GUEST_EQUAL(7, _snprintf(buffer, sizeof(buffer), "%wZ %02x", &name, 0xAu));
    GUEST_TRUE(strcmp(buffer, "Disk 0a") == 0);
    buffer[4] = '!';
    GUEST_EQUAL(-1, _snprintf(buffer, 4, "%d", 12345));
    GUEST_TRUE(buffer[3] == '4' && buffer[4] == '!');
    GUEST_EQUAL(5, swprintf(device, u"%S%u", "COM", 12u));
    GUEST_TRUE(wcscmp(device, u"COM12") == 0 && _wcsicmp(device, u"com12") == 0);
    GUEST_TRUE(DbgPrint("the debugger knows %wZ and %S\n", &name, L"wide text") == 0);
}

// EXE-01: a string instruction of the kernel leaves the direction flag and the registers as the convention says.
GUEST_TEST(TheCLibraryIsThere) {
    CHAR text[] = "mica";
    GUEST_TRUE(strcmp(_strrev(_strupr(text)), "ACIM") == 0);
    GUEST_TRUE(strchr(text, 'I') == text + 2 && memchr(text, 'M', 4) == text + 3);
    LONG numbers[] = {5, -3, 9, 0};
    qsort(numbers, 4, sizeof(LONG), [](const void* left, const void* right) {
        return int(*static_cast<const LONG*>(left) - *static_cast<const LONG*>(right));
    });
    GUEST_TRUE(numbers[0] == -3 && numbers[1] == 0 && numbers[2] == 5 && numbers[3] == 9);
    GUEST_EQUAL(-42, atoi(" -42"));
}

// EXE-01
GUEST_TEST(MemoryRoutinesHaveTheirRtlNames) {
    ULONG words[4] = {};
    RtlFillMemoryUlong(words, 12, 0xA5A5A5A5);
    GUEST_EQUAL(12, RtlCompareMemoryUlong(words, sizeof(words), 0xA5A5A5A5));
    RtlMoveMemory(words + 1, words, 12);
    GUEST_EQUAL(16, RtlCompareMemory(words, words + 0, 16));
    RtlZeroMemory(words, 4);
    GUEST_TRUE(words[0] == 0 && words[1] == 0xA5A5A5A5);
    GUEST_EQUAL(0x78563412u, RtlUlongByteSwap(0x12345678));
    GUEST_TRUE(RtlUlonglongByteSwap(0x0102030405060708) == 0x0807060504030201);
    RtlPrefetchMemoryNonTemporal(words, sizeof(words));
    const LARGE_INTEGER product = RtlEnlargedIntegerMultiply(-70000, 70000); // comes back in EDX:EAX
    GUEST_TRUE(product.QuadPart == -4'900'000'000LL);
}
