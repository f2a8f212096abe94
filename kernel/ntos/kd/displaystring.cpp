// NtDisplayString: a program's text on the system's console, before it has a console of its own.
//
// It goes the way of DbgPrint: the terminal of the kernel's debugger. Characters that its code page lacks are shown as '?'.
// In the books: "native applications". SYS-01, TRP-06
#include "kd.h"
#include "rtl/capture.h"
#include "ke/service.h"
#include "rtl/ustring.h"

extern "C" NTSTATUS NTAPI NtDisplayString(PUNICODE_STRING String) {
    constexpr ULONG pieceCharacters = 128;
    const KPROCESSOR_MODE mode = KeGetPreviousMode();
    UNICODE_STRING text;
    NT_TRY(nt::Capture(mode, &text, String));
    if (text.Length % sizeof(WCHAR) != 0 || text.Length > text.MaximumLength) return STATUS_INVALID_PARAMETER;
    WCHAR piece[pieceCharacters];
    CHAR shown[pieceCharacters + 1];
    for (ULONG done = 0; done < text.Length;) {
        const ULONG left = text.Length - done, bytes = left < sizeof(piece) ? left : sizeof(piece);
        ULONG length = 0;
        NT_TRY(RtlCaptureFromCaller(mode, piece, reinterpret_cast<UCHAR*>(text.Buffer) + done, bytes, 1));
        NT_TRY(RtlUnicodeToOemN(shown, pieceCharacters, &length, piece, bytes));
        shown[length] = 0;
        (void)DbgPrint("%s", shown);
        done += bytes;
    }
    return STATUS_SUCCESS;
}
