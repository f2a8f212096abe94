// Memory of a process that the kernel makes for it: allocated and written as the process itself would, with the process's faults.
//
// Locks: none. IRQL: PASSIVE_LEVEL, in the process's address space.
// In the books: "process environment block". PRC-08, TRP-06
#include "mm/virtual.h"
#include "ps/psp.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

NTSTATUS PspAllocateUser(SIZE_T Bytes, PVOID* Memory) {
    *Memory = nullptr;
    return ZwAllocateVirtualMemory(NtCurrentProcess(), Memory, 0, &Bytes, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
                                   PAGE_READWRITE);
}

void PspFreeUser(PVOID Memory) {
    SIZE_T all = 0;
    const NTSTATUS status = ZwFreeVirtualMemory(NtCurrentProcess(), &Memory, &all, MEM_RELEASE);
    (void)status; // the program may have freed it itself
}

NTSTATUS PspWriteUser(PVOID To, const void* From, SIZE_T Bytes) {
    __try {
        CopyToUser(To, From, Bytes);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

NTSTATUS PspReadUser(PVOID To, const void* From, SIZE_T Bytes) {
    __try {
        CopyFromUser(To, From, Bytes);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}
