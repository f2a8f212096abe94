// Messages and breakpoints of programs.
//
// In the books: "native applications", "debugging". TOL-07
#pragma once

#include "ntstatus.h"

extern "C" {
/// Prints on the system's console (NtDisplayString): at most 512 characters at a time. The format is that of RtlStringCbPrintf.
/// @returns a status
NTKERNELAPI ULONG CDECL DbgPrint(PCSTR Format, ...) __attribute__((format(printf, 1, 2)));
/// Raises STATUS_BREAKPOINT.
NTKERNELAPI void NTAPI DbgBreakPoint();
}
