// Exceptions that drivers raise by name.
//
// In the books: "exception dispatching: software exceptions". EXC-01
#include "rtl/exception.h"

extern "C" {

void NTAPI ExRaiseStatus(NTSTATUS Status) { RtlRaiseStatus(Status); }

void NTAPI ExRaiseAccessViolation() { RtlRaiseStatus(STATUS_ACCESS_VIOLATION); }

void NTAPI ExRaiseDatatypeMisalignment() { RtlRaiseStatus(STATUS_DATATYPE_MISALIGNMENT); }
}
