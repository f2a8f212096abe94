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

/// Is a text not readable, up to its 0 or for `Maximum` characters? Another thread may take its pages away right after.
BOOL NTAPI IsBadStringPtrW(PCWSTR Text, ULONG_PTR Maximum) {
    constexpr DWORD unreadable = PAGE_NOACCESS | PAGE_EXECUTE | PAGE_GUARD;
    const ULONG_PTR begin = reinterpret_cast<ULONG_PTR>(Text);
    ULONG_PTR known = 0; // up to there the text is readable
    for (ULONG_PTR i = 0; i < Maximum; i++) {
        const ULONG_PTR at = begin + i * sizeof(WCHAR), end = at + sizeof(WCHAR);
        if (end < at) return TRUE;
        while (known < end) {
            MEMORY_BASIC_INFORMATION region;
            const auto* const next = reinterpret_cast<const void*>(known > at ? known : at);
            if (VirtualQuery(next, &region, sizeof(region)) == 0 || region.State != MEM_COMMIT ||
                (region.Protect & unreadable) != 0)
                return TRUE;
            known = reinterpret_cast<ULONG_PTR>(region.BaseAddress) + region.RegionSize;
        }
        if (Text[i] == 0) return FALSE;
    }
    return FALSE;
}
}
