// DbgPrint in user mode: text on the system's console. Contract: user/debug.h.
#include "ntdllp.h"

namespace {

constexpr ULONG MAXIMUM_CHARACTERS = 512; ///< of one message, as in the kernel

ULONG Print(PCSTR format, va_list arguments) {
    CHAR text[MAXIMUM_CHARACTERS + 1];
    WCHAR wide[MAXIMUM_CHARACTERS];
    const NTSTATUS formatted = RtlStringCbVPrintf(text, sizeof(text), format, arguments);
    if (!NT_SUCCESS(formatted) && formatted != STATUS_BUFFER_OVERFLOW) return static_cast<ULONG>(formatted);
    USHORT length = 0;
    for (; text[length] != 0; length++)
        wide[length] = WCHAR(static_cast<UCHAR>(text[length]));
    UNICODE_STRING string = {USHORT(length * sizeof(WCHAR)), USHORT(length * sizeof(WCHAR)), wide};
    return static_cast<ULONG>(NtDisplayString(&string));
}

} // namespace

extern "C" {

ULONG CDECL DbgPrint(PCSTR Format, ...) {
    va_list arguments;
    va_start(arguments, Format);
    const ULONG status = Print(Format, arguments);
    va_end(arguments);
    return status;
}

void NTAPI DbgBreakPoint() { __asm__ __volatile__("int3"); }
}
