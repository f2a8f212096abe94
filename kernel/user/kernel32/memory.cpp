// Heaps and pages. Contract: kernel32.h.
#include "k32.h"

extern "C" {

HANDLE NTAPI GetProcessHeap() { return NtCurrentPeb()->ProcessHeap; }

HANDLE NTAPI HeapCreate(DWORD Options, SIZE_T InitialSize, SIZE_T MaximumSize) {
    const HANDLE heap = RtlCreateHeap(Options | (MaximumSize == 0 ? HEAP_GROWABLE : 0), nullptr, MaximumSize,
                                      InitialSize, nullptr, nullptr);
    if (!heap) SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return heap;
}

BOOL NTAPI HeapDestroy(HANDLE Heap) {
    if (!RtlDestroyHeap(Heap)) return TRUE;
    SetLastError(ERROR_INVALID_HANDLE);
    return FALSE;
}

BOOL NTAPI HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory) {
    if (RtlFreeHeap(Heap, Flags, Memory)) return TRUE;
    SetLastError(ERROR_INVALID_PARAMETER);
    return FALSE;
}

LPVOID NTAPI VirtualAlloc(LPVOID Address, SIZE_T Size, DWORD AllocationType, DWORD Protect) {
    return BaseSucceeded(NtAllocateVirtualMemory(NtCurrentProcess(), &Address, 0, &Size, AllocationType, Protect))
               ? Address
               : nullptr;
}

BOOL NTAPI VirtualFree(LPVOID Address, SIZE_T Size, DWORD FreeType) {
    if ((FreeType & MEM_RELEASE) && Size != 0) return BaseSucceeded(STATUS_INVALID_PARAMETER); // documented
    return BaseSucceeded(NtFreeVirtualMemory(NtCurrentProcess(), &Address, &Size, FreeType));
}

BOOL NTAPI VirtualProtect(LPVOID Address, SIZE_T Size, DWORD NewProtect, DWORD* OldProtect) {
    return BaseSucceeded(NtProtectVirtualMemory(NtCurrentProcess(), &Address, &Size, NewProtect, OldProtect));
}

SIZE_T NTAPI VirtualQuery(const void* Address, MEMORY_BASIC_INFORMATION* Buffer, SIZE_T Length) {
    SIZE_T told = 0;
    const NTSTATUS status =
        NtQueryVirtualMemory(NtCurrentProcess(), const_cast<PVOID>(Address),
                             MEMORY_INFORMATION_CLASS::MemoryBasicInformation, Buffer, Length, &told);
    return BaseSucceeded(status) ? told : 0;
}
}
