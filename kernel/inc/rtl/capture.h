// Parameters that a service's caller gives by pointer: read once, written at the end.
//
// A caller in user mode is not believed: its pointer may be anything, and may change in the next moment. So a service copies
// what it reads before it looks at it, and it fails with the exception's status where the copy faults. A caller in kernel mode is
// believed.
// IRQL: PASSIVE_LEVEL. In the books: "probing and capturing parameters". TRP-06
#pragma once

#include "nt/mode.h"
#include "ntstatus.h"

extern "C" {
/// Copies from the caller. @param Alignment that user mode's address must have: 1, 2, 4, 8. @returns STATUS_SUCCESS;
/// STATUS_ACCESS_VIOLATION; STATUS_DATATYPE_MISALIGNMENT. @irql PASSIVE_LEVEL, as all that follow
NTKERNELAPI NTSTATUS NTAPI RtlCaptureFromCaller(KPROCESSOR_MODE Mode, PVOID To, const volatile void* From, SIZE_T Bytes,
                                                ULONG Alignment);
/// Copies to the caller. @returns as RtlCaptureFromCaller
NTKERNELAPI NTSTATUS NTAPI RtlTellCaller(KPROCESSOR_MODE Mode, volatile void* To, const void* From, SIZE_T Bytes);
/// Looks whether the caller's memory can be written now, before the work begins. @returns as RtlCaptureFromCaller
NTKERNELAPI NTSTATUS NTAPI RtlProbeCaller(KPROCESSOR_MODE Mode, volatile void* To, SIZE_T Bytes, ULONG Alignment);
}

namespace nt {

/// Reads one value of the caller's.
template <typename T> NTSTATUS Capture(KPROCESSOR_MODE mode, T* to, const volatile T* from) {
    return RtlCaptureFromCaller(mode, to, from, sizeof(T), alignof(T) < 4 ? alignof(T) : 4);
}
/// The same; without a pointer the value stays as it is.
template <typename T> NTSTATUS CaptureOptional(KPROCESSOR_MODE mode, T* to, const volatile T* from) {
    return from ? Capture(mode, to, from) : STATUS_SUCCESS;
}
/// Reads one value in whose place the caller expects a result: it can be written, too.
template <typename T> NTSTATUS CaptureForResult(KPROCESSOR_MODE mode, T* to, volatile T* from) {
    NT_TRY(RtlProbeCaller(mode, from, sizeof(T), alignof(T) < 4 ? alignof(T) : 4));
    return Capture(mode, to, from);
}
/// Writes one value for the caller.
template <typename T> NTSTATUS Tell(KPROCESSOR_MODE mode, volatile T* to, const T& value) {
    return RtlTellCaller(mode, to, &value, sizeof(T));
}
/// The same, if the caller wants it.
template <typename T> NTSTATUS TellOptional(KPROCESSOR_MODE mode, volatile T* to, const T& value) {
    return to ? Tell(mode, to, value) : STATUS_SUCCESS;
}
/// Whether the caller's value can be written; without a pointer: yes.
template <typename T> NTSTATUS Probe(KPROCESSOR_MODE mode, volatile T* to) {
    return RtlProbeCaller(mode, to, sizeof(T), alignof(T) < 4 ? alignof(T) : 4);
}
template <typename T> NTSTATUS ProbeOptional(KPROCESSOR_MODE mode, volatile T* to) {
    return to ? Probe(mode, to) : STATUS_SUCCESS;
}

} // namespace nt
