// RtlWalkFrameChain: the callers of the running code. Which stack it is, the kernel layer says; the walk is in backtrace.cpp.
//
// Locks: none. IRQL: any.
// In the books: "stack traces". TRP-09
#include "rtl/exception.h"

extern "C" ULONG NTAPI RtlWalkFrameChain(PVOID* Callers, ULONG Count, ULONG Flags) {
    if (Flags != 0) return 0;
    const auto frame = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0));
    ULONG_PTR low;
    ULONG_PTR high;
    KeQueryStackBounds(frame, &low, &high);
    return RtlWalkFrames(Callers, Count, frame, low, high);
}
