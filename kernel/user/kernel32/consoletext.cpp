// What is written to a console. Contract: kernel32.h.
//
// In the books: "console windows". SYS-05
#include "k32.h"

extern "C" {

/// Simplified: characters that the OEM code page lacks become its mark for them. @param Reserved nullptr
BOOL NTAPI WriteConsoleW(HANDLE Console, const void* Buffer, DWORD Characters, DWORD* Written, LPVOID Reserved) {
    constexpr DWORD piece = 128;
    const auto* const text = static_cast<const WCHAR*>(Buffer);
    (void)Reserved;
    if (Written) *Written = 0;
    if (GetFileType(Console) != FILE_TYPE_CHAR)
        return BaseSucceeded(STATUS_INVALID_HANDLE); // a file: WriteFile is for it
    for (DWORD done = 0; done < Characters;) {
        CHAR narrow[piece];
        const DWORD now = Characters - done < piece ? Characters - done : piece;
        ULONG bytes = 0;
        if (!BaseSucceeded(RtlUnicodeToOemN(narrow, piece, &bytes, text + done, now * sizeof(WCHAR)))) return FALSE;
        if (!WriteFile(Console, narrow, bytes, nullptr, nullptr)) return FALSE;
        done += now;
        if (Written) *Written = done;
    }
    return TRUE;
}

UINT NTAPI GetOEMCP() { return 437; } // text.cpp: CP_OEMCP
}
