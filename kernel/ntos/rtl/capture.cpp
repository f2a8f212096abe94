// Parameters that a service's caller gives by pointer: probed and copied inside structured exceptions.
// In the books: "probing and capturing parameters". TRP-06
#include "rtl/capture.h"
#include "rtl/string.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

extern "C" {

NTSTATUS NTAPI RtlCaptureFromCaller(KPROCESSOR_MODE Mode, PVOID To, const volatile void* From, SIZE_T Bytes,
                                    ULONG Alignment) {
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
}

NTSTATUS NTAPI RtlTellCaller(KPROCESSOR_MODE Mode, volatile void* To, const void* From, SIZE_T Bytes) {
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
}

NTSTATUS NTAPI RtlProbeCaller(KPROCESSOR_MODE Mode, volatile void* To, SIZE_T Bytes, ULONG Alignment) {
    if (Mode == KernelMode) return STATUS_SUCCESS;
    __try {
        ProbeForWrite(To, Bytes, Alignment);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}
}
