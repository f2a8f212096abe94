// Memory by the page, for heaps: the services for virtual memory. Contract: heapp.h.
#include "heap/heapp.h"

#include "mm/virtual.h"
#include "user/thread.h"

PVOID RtlpReserve(SIZE_T bytes) {
    PVOID base = nullptr;
    const NTSTATUS status = NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &bytes, MEM_RESERVE, PAGE_READWRITE);
    return NT_SUCCESS(status) ? base : nullptr;
}

bool RtlpCommit(PVOID address, SIZE_T bytes) {
    return NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &address, 0, &bytes, MEM_COMMIT, PAGE_READWRITE));
}

void RtlpDecommit(PVOID address, SIZE_T bytes) {
    (void)NtFreeVirtualMemory(NtCurrentProcess(), &address, &bytes, MEM_DECOMMIT);
}

void RtlpRelease(PVOID address) {
    SIZE_T all = 0;
    (void)NtFreeVirtualMemory(NtCurrentProcess(), &address, &all, MEM_RELEASE);
}

bool RtlpIsProcessHeap(const HEAP* heap) { return NtCurrentPeb()->ProcessHeap == heap; }
