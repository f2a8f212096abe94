// Errors of the older interface (ERROR_*), made of statuses.
//
// In the books: "system errors". SYS-01
#pragma once

#include "ntstatus.h"

extern "C" {
/// @returns the error that stands for a status; ERROR_MR_MID_NOT_FOUND (317): none does. The status is noted in TEB::LastStatusValue
NTKERNELAPI ULONG NTAPI RtlNtStatusToDosError(NTSTATUS Status);
}
