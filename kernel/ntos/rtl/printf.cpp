// Formatted output of the kernel's own: RtlStringCbPrintf and its va_list form.
//
// Invariant: never writes past Size bytes and always ends the text with a 0, whatever the format says.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"
#include "strings/format.h"

extern "C" NTSTATUS CDECL RtlStringCbVPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, va_list VaList) {
    if (Size == 0) return STATUS_INVALID_PARAMETER;
    nt::format::Output<CHAR> output(Buffer, Size - 1);
    const bool known = nt::format::Write(output, Format, VaList, true);
    Buffer[output.Count()] = 0;
    if (!known) return STATUS_INVALID_PARAMETER;
    return output.IsCut() ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

extern "C" NTSTATUS CDECL RtlStringCbPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, ...) {
    va_list arguments;
    va_start(arguments, Format);
    const NTSTATUS status = RtlStringCbVPrintf(Buffer, Size, Format, arguments);
    va_end(arguments);
    return status;
}
