// Parameters that a service's caller gives by pointer: probed and copied inside structured exceptions.
//
// The caller's mode is an argument: a service passes what KeGetPreviousMode says. User memory may go between any two instructions,
// although it was probed: so a copy is always inside of a __try, and always probes again.
// In the books: "probing and capturing parameters". TRP-06
#include "rtl/capture.h"
#include "ke/bugcheck.h"
#include "rtl/string.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

extern "C" {

/// Copies from the caller's memory. Kernel mode is believed: any address, any alignment. Of user mode's, the range is probed first
/// (ProbeForRead). No exception leaves. @returns STATUS_SUCCESS; the status of the exception: then part of the bytes may have been copied,
/// but none if the range was refused
NTSTATUS NTAPI RtlCaptureFromCaller(KPROCESSOR_MODE Mode, PVOID To, const volatile void* From, SIZE_T Bytes,
                                    ULONG Alignment) {
    // LAB(1.7) begin
    if (Mode == KernelMode) {
        memcpy(To, const_cast<const void*>(From), Bytes);
        return STATUS_SUCCESS;
    }
    __try {
        ProbeForRead(From, Bytes, Alignment);
        CopyFromUser(To, From, Bytes);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
    // LAB(1.7) else
    //| (void)Mode;
    //| (void)To;
    //| (void)From;
    //| (void)Bytes;
    //| (void)Alignment;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Copies to the caller's memory, as RtlCaptureFromCaller from it; user mode's may begin anywhere.
NTSTATUS NTAPI RtlTellCaller(KPROCESSOR_MODE Mode, volatile void* To, const void* From, SIZE_T Bytes) {
    // LAB(1.7) begin
    if (Mode == KernelMode) {
        memcpy(const_cast<void*>(To), From, Bytes);
        return STATUS_SUCCESS;
    }
    __try {
        CopyToUser(To, From, Bytes);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
    // LAB(1.7) else
    //| (void)Mode;
    //| (void)To;
    //| (void)From;
    //| (void)Bytes;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}

/// Says whether the caller's memory can be written (ProbeForWrite). Of kernel mode's nothing is touched. @returns as RtlCaptureFromCaller
NTSTATUS NTAPI RtlProbeCaller(KPROCESSOR_MODE Mode, volatile void* To, SIZE_T Bytes, ULONG Alignment) {
    // LAB(1.7) begin
    if (Mode == KernelMode) return STATUS_SUCCESS;
    __try {
        ProbeForWrite(To, Bytes, Alignment);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
    // LAB(1.7) else
    //| (void)Mode;
    //| (void)To;
    //| (void)Bytes;
    //| (void)Alignment;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}
}
