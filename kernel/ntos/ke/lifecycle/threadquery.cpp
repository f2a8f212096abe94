// Small questions of drivers: on which processors a thread may run for a while, how long it ran, on whose behalf.
//
// In the books: "thread scheduling: affinity". SCH-18
#include "ke/ki.h"

extern "C" {

KAFFINITY NTAPI KeQueryActiveProcessors() { return KeActiveProcessors; }

ULONG NTAPI KeQueryRuntimeThread(PKTHREAD Thread, ULONG* UserTime) {
    *UserTime = Thread->UserTime;
    return Thread->KernelTime;
}

KPROCESSOR_MODE NTAPI KeGetPreviousMode() { return KeGetCurrentThread()->PreviousMode; }

KPROCESSOR_MODE NTAPI ExGetPreviousMode() { return KeGetPreviousMode(); }

ULONG NTAPI KeGetRecommendedSharedDataAlignment() {
    constexpr ULONG CACHE_LINE = 64;
    return CACHE_LINE;
}
}
