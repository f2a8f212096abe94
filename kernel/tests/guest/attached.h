// A process for tests of virtual memory: this thread attached to it, ranges and words of them.
//
// The process is made in the constructor of ATTACHED_PROCESS, where this thread attaches to it.
#pragma once

#include "guest_test.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/virtual.h"
#include "ps.h"

/// A process, and this thread attached to it. At the end it is deleted, and all its pages are free again.
class ATTACHED_PROCESS {
public:
    ATTACHED_PROCESS() {
        GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Attached", &m_process));
        KeStackAttachProcess(&m_process->Pcb, &m_saved);
    }
    ~ATTACHED_PROCESS() {
        CheckAll();
        KeUnstackDetachProcess(&m_saved);
        PspDeleteProcess(m_process);
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }
    static void CheckAll() {
        GUEST_TRUE(MmCheckWorkingSet() == nullptr);
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }
    EPROCESS* Get() { return m_process; }
    [[nodiscard]] ULONG WorkingSetSize() const { return m_process->AddressSpace.Vm.WorkingSetSize; }

private:
    EPROCESS* m_process = nullptr;
    KAPC_STATE m_saved;
};

inline UCHAR* Allocate(ULONG pages, ULONG protect = PAGE_READWRITE) {
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, protect));
    return static_cast<UCHAR*>(base);
}

inline void Free(PVOID base) {
    SIZE_T size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
}

inline void Protect(PVOID base, ULONG pages, ULONG protect) {
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    ULONG old = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwProtectVirtualMemory(NtCurrentProcess(), &base, &size, protect, &old));
}

inline ULONG* Word(UCHAR* base, ULONG page, ULONG word = 0) {
    return reinterpret_cast<ULONG*>(base + SIZE_T(page) * PAGE_SIZE) + word;
}
