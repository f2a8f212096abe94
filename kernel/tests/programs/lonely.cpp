// A program that imports from a DLL that is not there: it does not begin.
// imports: absent
#include "check.h"

extern "C" NTIMPORT ULONG NTAPI AbsentValue();

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    CHECK(AbsentValue() == 1);
    return PROGRAM_PASSED;
}
