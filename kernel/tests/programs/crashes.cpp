// A program with an exception that nobody handles: it ends with the exception's code.
#include "check.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    *reinterpret_cast<volatile ULONG*>(0x20) = 1;
    return PROGRAM_PASSED;
}
