// Times. Contract: kernel32.h.
//
// The count of milliseconds comes from the page that the kernel shares with all processes: no service is called.
// In the books: "shared user data", "system time". HAL-07
#include "k32.h"

#include "ke/shareddata.h"
#include "mm/layout.h"

extern "C" {

DWORD NTAPI GetTickCount() {
    const auto* const shared = reinterpret_cast<const KUSER_SHARED_DATA*>(MM_SHARED_USER_DATA);
    constexpr ULONG fraction = 24; // of TickCountMultiplier
    for (;;) {                     // KSYSTEM_TIME's protocol
        const LONG high = shared->TickCount.High1Time;
        const ULONG low = shared->TickCount.LowPart;
        if (high != shared->TickCount.High2Time) continue;
        const ULONGLONG ofLow = ULONGLONG(low) * shared->TickCountMultiplier >> fraction;
        return DWORD(ofLow + (ULONGLONG(ULONG(high)) * shared->TickCountMultiplier << (32 - fraction)));
    }
}

void NTAPI GetSystemTimeAsFileTime(FILETIME* SystemTimeAsFileTime) {
    LARGE_INTEGER time{};
    (void)NtQuerySystemTime(&time);
    *SystemTimeAsFileTime = {time.LowPart, DWORD(time.HighPart)};
}

void NTAPI GetSystemTimePreciseAsFileTime(FILETIME* SystemTimeAsFileTime) {
    GetSystemTimeAsFileTime(SystemTimeAsFileTime);
}

BOOL NTAPI FileTimeToSystemTime(const FILETIME* FileTime, SYSTEMTIME* SystemTime) {
    const LARGE_INTEGER time{.LowPart = FileTime->dwLowDateTime, .HighPart = LONG(FileTime->dwHighDateTime)};
    if (time.QuadPart < 0) return BaseSucceeded(STATUS_INVALID_PARAMETER);
    TIME_FIELDS fields;
    RtlTimeToTimeFields(&time, &fields);
    *SystemTime = {USHORT(fields.Year), USHORT(fields.Month),  USHORT(fields.Weekday), USHORT(fields.Day),
                   USHORT(fields.Hour), USHORT(fields.Minute), USHORT(fields.Second),  USHORT(fields.Milliseconds)};
    return TRUE;
}
BOOL NTAPI SystemTimeToFileTime(const SYSTEMTIME* SystemTime, FILETIME* FileTime) {
    const TIME_FIELDS fields{SHORT(SystemTime->wYear),         SHORT(SystemTime->wMonth),    SHORT(SystemTime->wDay),
                             SHORT(SystemTime->wHour),         SHORT(SystemTime->wMinute),   SHORT(SystemTime->wSecond),
                             SHORT(SystemTime->wMilliseconds), SHORT(SystemTime->wDayOfWeek)};
    LARGE_INTEGER time;
    if (!RtlTimeFieldsToTime(&fields, &time)) return BaseSucceeded(STATUS_INVALID_PARAMETER);
    *FileTime = {time.LowPart, DWORD(time.HighPart)};
    return TRUE;
}
/// The one time zone is UTC. @param TimeZone not looked at
BOOL NTAPI SystemTimeToTzSpecificLocalTime(const void* TimeZone, const SYSTEMTIME* UniversalTime,
                                           SYSTEMTIME* LocalTime) {
    (void)TimeZone;
    *LocalTime = *UniversalTime;
    return TRUE;
}

BOOL NTAPI QueryPerformanceCounter(LARGE_INTEGER* PerformanceCount) {
    return BaseSucceeded(NtQueryPerformanceCounter(PerformanceCount, nullptr));
}
BOOL NTAPI QueryPerformanceFrequency(LARGE_INTEGER* Frequency) {
    LARGE_INTEGER counter;
    return BaseSucceeded(NtQueryPerformanceCounter(&counter, Frequency));
}
}
