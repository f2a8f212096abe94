// Text of one-byte and of wide characters. Contract: kernel32.h.
//
// Simplified: a character that a code page lacks becomes its own mark, and UsedDefaultChar stays FALSE. The ANSI and the OEM code page are one byte a character; other code pages but UTF-8 are refused.
// In the books: "code pages". EXE-01
#include "k32.h"

#include "utf8.h"

namespace {

constexpr UINT CODE_PAGE_1252 = 1252, CODE_PAGE_437 = 437;

bool IsAnsi(UINT page) { return page == CP_ACP || page == CODE_PAGE_1252; }
bool IsOem(UINT page) { return page == CP_OEMCP || page == CODE_PAGE_437; }

int Fail(DWORD error) {
    SetLastError(error);
    return 0;
}

/// The characters of a text, with its 0 if the count is -1.
template <typename C> ULONG CountOf(const C* text, int count) {
    if (count >= 0) return ULONG(count);
    ULONG length = 0;
    while (text[length] != 0)
        length++;
    return length + 1;
}

/// What a conversion gives: its characters; 0 and an error if there was too little room.
int Answer(ULONG needed, int room) {
    if (room != 0 && needed > ULONG(room)) return Fail(ERROR_INSUFFICIENT_BUFFER);
    return int(needed);
}

} // namespace

extern "C" {

int NTAPI MultiByteToWideChar(UINT CodePage, DWORD, PCSTR MultiByteStr, int MultiByteCount, PWSTR WideCharStr,
                              int WideCharCount) {
    if (!MultiByteStr || MultiByteCount == 0 || WideCharCount < 0) return Fail(ERROR_INVALID_PARAMETER);
    const ULONG bytes = CountOf(MultiByteStr, MultiByteCount), room = ULONG(WideCharCount);
    if (CodePage == CP_UTF8) return Answer(nt::Utf8ToWide(MultiByteStr, bytes, WideCharStr, room), WideCharCount);
    if (!IsAnsi(CodePage) && !IsOem(CodePage)) return Fail(ERROR_INVALID_PARAMETER);
    const ULONG written = bytes < room ? bytes : room;
    ULONG length = 0;
    if (written != 0)
        (void)(IsAnsi(CodePage) ? RtlMultiByteToUnicodeN : RtlOemToUnicodeN)(WideCharStr, written * sizeof(WCHAR),
                                                                             &length, MultiByteStr, written);
    return Answer(bytes, WideCharCount);
}

int NTAPI WideCharToMultiByte(UINT CodePage, DWORD, PCWSTR WideCharStr, int WideCharCount, PSTR MultiByteStr,
                              int MultiByteCount, PCSTR, BOOL* UsedDefaultChar) {
    if (!WideCharStr || WideCharCount == 0 || MultiByteCount < 0) return Fail(ERROR_INVALID_PARAMETER);
    const ULONG characters = CountOf(WideCharStr, WideCharCount), room = ULONG(MultiByteCount);
    if (UsedDefaultChar) *UsedDefaultChar = FALSE;
    if (CodePage == CP_UTF8) return Answer(nt::WideToUtf8(WideCharStr, characters, MultiByteStr, room), MultiByteCount);
    if (!IsAnsi(CodePage) && !IsOem(CodePage)) return Fail(ERROR_INVALID_PARAMETER);
    const ULONG written = characters < room ? characters : room;
    ULONG length = 0;
    if (written != 0)
        (void)(IsAnsi(CodePage) ? RtlUnicodeToMultiByteN : RtlUnicodeToOemN)(MultiByteStr, written, &length,
                                                                             WideCharStr, written * sizeof(WCHAR));
    return Answer(characters, MultiByteCount);
}

BOOL NTAPI IsDBCSLeadByteEx(UINT, UCHAR) { return FALSE; }
}
