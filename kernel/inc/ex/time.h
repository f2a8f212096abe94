// System time and local time.
//
// Local time is system time less the bias of the time zone. The zone is read from the registry; until there is one, local
// time is system time.
// In the books: "system time". HAL-07
#pragma once

#include "nt/types.h"

extern "C" {
/// Units of 100 ns. @irql any
NTKERNELAPI void NTAPI ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime);
NTKERNELAPI void NTAPI ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime);
}
