// The calls of virtual memory: what user mode gives is captured and checked, then the service works on the address space of the process
// that the handle names, which is the current one meanwhile, and the results are told.
//
// The previous mode says whether the caller is believed: a Zw call comes from the kernel.
// The file holds no lock: its code is pageable.
// In the books: "probing and capturing parameters", "services provided by the memory manager". TRP-06, POL-06
#include "ke.h"
#include "ke/pagedcode.h"
#include "mm/targetprocess.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "mm/virtual.h"
#include "mm/ws/shortage.h"
#include "ps/process.h"
#include "rtl/capture.h"
#include "rtl/string.h"

#pragma code_seg("PAGE")
namespace {

MM_ADDRESS_SPACE& CurrentSpace() { return MmCurrentProcess()->AddressSpace; }

/// A range as the callers give and get it: two words that are read, worked on, and written.
class RANGE {
public:
    RANGE(KPROCESSOR_MODE mode, PVOID* base, SIZE_T* size)
        : m_mode(mode), m_base(reinterpret_cast<ULONG_PTR*>(base)), m_size(reinterpret_cast<ULONG_PTR*>(size)) {}

    /// Reads the words, in the caller's address space.
    NTSTATUS Capture() {
        NT_TRY(nt::CaptureForResult(m_mode, &Base, m_base));
        return nt::CaptureForResult(m_mode, &m_bytes, m_size);
    }
    /// Goes to the process.
    NTSTATUS Enter(HANDLE process) {
        NT_TRY(m_target.Open(process, PROCESS_VM_OPERATION, m_mode));
        m_target.Attach();
        return STATUS_SUCCESS;
    }
    /// Comes back, and writes the words. The memory may have gone since it was probed: then the work is done all the same.
    NTSTATUS Tell() {
        m_target.Detach();
        NT_TRY(nt::Tell(m_mode, m_base, Base));
        return nt::Tell(m_mode, m_size, m_bytes);
    }
    /// Comes back, for what else there is to tell.
    void Leave() { m_target.Detach(); }
    SIZE_T* Size() { return reinterpret_cast<SIZE_T*>(&m_bytes); }

    ULONG_PTR Base = 0;

private:
    const KPROCESSOR_MODE m_mode;
    ULONG_PTR* const m_base;
    ULONG_PTR* const m_size;
    ULONG_PTR m_bytes = 0;
    MI_TARGET_PROCESS m_target;
};

/// Calls a service on the current process's page tables. If no page is at hand for one of these, the service has changed nothing: it is
/// called again when memory is there.
template <typename SERVICE> NTSTATUS WithPageTables(SERVICE service) {
    for (;;) {
        MI_USER_PAGES pages(CurrentSpace());
        const NTSTATUS status = service(pages);
        if (NT_SUCCESS(status) || !pages.IsShort() || !MiTryToAwaitPages()) return status;
    }
}

using LOCK_SERVICE = NTSTATUS(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size, ULONG locks);

NTSTATUS ChangeLocks(LOCK_SERVICE* service, HANDLE process, PVOID* base, SIZE_T* size, ULONG locks) {
    PAGED_CODE();
    RANGE range(ExGetPreviousMode(), base, size);
    NT_TRY(range.Capture());
    NT_TRY(range.Enter(process));
    const NTSTATUS status = service(CurrentSpace(), &range.Base, range.Size(), locks);
    NT_TRY(status);
    NT_TRY(range.Tell());
    return status; // STATUS_WAS_LOCKED is a success that tells more
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, ULONG_PTR ZeroBits, SIZE_T* RegionSize,
                                       ULONG AllocationType, ULONG Protect) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    RANGE range(mode, BaseAddress, RegionSize);
    NT_TRY(range.Capture());
    NT_TRY(range.Enter(ProcessHandle));
    NT_TRY(WithPageTables([&](MI_USER_PAGES& pages) {
        return MiAllocateVirtualMemory(CurrentSpace(), pages, &range.Base, ZeroBits, range.Size(), AllocationType,
                                       Protect);
    }));
    return range.Tell();
}

NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize, ULONG FreeType) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    RANGE range(mode, BaseAddress, RegionSize);
    NT_TRY(range.Capture());
    NT_TRY(range.Enter(ProcessHandle));
    NT_TRY(WithPageTables([&](MI_USER_PAGES& pages) {
        return MiFreeVirtualMemory(CurrentSpace(), pages, &range.Base, range.Size(), FreeType);
    }));
    return range.Tell();
}

NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                      ULONG NewAccessProtection, ULONG* OldAccessProtection) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    RANGE range(mode, BaseAddress, RegionSize);
    ULONG old = 0;
    NT_TRY(range.Capture());
    NT_TRY(nt::Probe(mode, OldAccessProtection));
    NT_TRY(range.Enter(ProcessHandle));
    NT_TRY(WithPageTables([&](MI_USER_PAGES& pages) {
        return MiProtectVirtualMemory(CurrentSpace(), pages, &range.Base, range.Size(), NewAccessProtection, &old);
    }));
    range.Leave();
    NT_TRY(nt::Tell(mode, OldAccessProtection, old));
    return range.Tell();
}

NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress,
                                    MEMORY_INFORMATION_CLASS MemoryInformationClass, PVOID MemoryInformation,
                                    SIZE_T MemoryInformationLength, SIZE_T* ReturnLength) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    if (MemoryInformationClass != MEMORY_INFORMATION_CLASS::MemoryBasicInformation) return STATUS_INVALID_INFO_CLASS;
    if (MemoryInformationLength < sizeof(MEMORY_BASIC_INFORMATION)) return STATUS_INFO_LENGTH_MISMATCH;
    MEMORY_BASIC_INFORMATION told;
    {
        MI_TARGET_PROCESS process;
        NT_TRY(process.Open(ProcessHandle, PROCESS_QUERY_INFORMATION, mode));
        process.Attach();
        MI_USER_PAGES pages(CurrentSpace());
        NT_TRY(MiQueryVirtualMemory(CurrentSpace(), pages, reinterpret_cast<ULONG_PTR>(BaseAddress), &told));
    }
    NT_TRY(RtlTellCaller(mode, MemoryInformation, &told, sizeof(told)));
    const SIZE_T bytes = sizeof(told);
    return nt::TellOptional(mode, ReturnLength, bytes);
}

NTSTATUS NTAPI NtLockVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize, ULONG MapType) {
    return ChangeLocks(MiLockVirtualMemory, ProcessHandle, BaseAddress, RegionSize, MapType);
}

NTSTATUS NTAPI NtUnlockVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize, ULONG MapType) {
    return ChangeLocks(MiUnlockVirtualMemory, ProcessHandle, BaseAddress, RegionSize, MapType);
}
}
