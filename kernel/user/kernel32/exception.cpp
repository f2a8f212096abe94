// Exceptions. Contract: kernel32.h.
#include "k32.h"

extern "C" {

void NTAPI RaiseException(DWORD ExceptionCode, DWORD ExceptionFlags, DWORD NumberOfArguments,
                          const ULONG_PTR* Arguments) {
    constexpr DWORD reservedBit = 0x10000000; // documented: it is taken away
    EXCEPTION_RECORD record{};
    record.ExceptionCode = static_cast<NTSTATUS>(ExceptionCode & ~reservedBit);
    record.ExceptionFlags = ExceptionFlags & EXCEPTION_NONCONTINUABLE;
    if (Arguments)
        record.NumberParameters =
            NumberOfArguments < EXCEPTION_MAXIMUM_PARAMETERS ? NumberOfArguments : EXCEPTION_MAXIMUM_PARAMETERS;
    for (ULONG i = 0; i < record.NumberParameters; i++)
        record.ExceptionInformation[i] = Arguments[i];
    RtlRaiseException(&record);
}

PUNHANDLED_EXCEPTION_FILTER NTAPI SetUnhandledExceptionFilter(PUNHANDLED_EXCEPTION_FILTER Filter) {
    return RtlSetUnhandledExceptionFilter(Filter);
}
}
