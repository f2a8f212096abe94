// System time and local time.
//
// In the books: "system time". HAL-07
#include "ex/time.h"

static constinit LARGE_INTEGER ExpTimeZoneBias = {}; // shared: the registry's; 0 until there is one

extern "C" {

void NTAPI ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime) {
    LocalTime->QuadPart = SystemTime->QuadPart - ExpTimeZoneBias.QuadPart;
}

void NTAPI ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime) {
    SystemTime->QuadPart = LocalTime->QuadPart + ExpTimeZoneBias.QuadPart;
}
}
