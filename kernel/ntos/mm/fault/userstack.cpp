// User stacks: a range whose committed part is at its upper end and grows downwards. How it grows: guard.cpp.
//
// In the books: "user stacks", "guard pages". POL-06
#include "mm/faults.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "mm/virtual.h"
#include "ke.h"
#include "ke/tib.h"
#include "mm/fault/fault.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"
#include "ps/process.h"

namespace {

constexpr SIZE_T DEFAULT_RESERVE = 1 << 20; ///< documented
constexpr SIZE_T BELOW = 2 * PAGE_SIZE;     ///< the guard page, and the page that is never committed

SIZE_T RoundUp(SIZE_T bytes) { return (bytes + PAGE_SIZE - 1) & ~SIZE_T(PAGE_SIZE - 1); }

/// Commits pages of the range from an address up.
NTSTATUS Commit(MM_ADDRESS_SPACE& space, MI_USER_PAGES& pages, ULONG_PTR base, SIZE_T size, ULONG protect) {
    return MiAllocateVirtualMemory(space, pages, &base, 0, &size, MEM_COMMIT, protect);
}

void MarkAsStack(MM_ADDRESS_SPACE& space, ULONG_PTR base) {
    MI_SPACE_GUARD guard(space);
    MiLocateVad(space, ULONG(base >> PAGE_SHIFT))->Flags.VadType = VadUserStack;
}

} // namespace

void NTAPI MmMarkUserStack(PVOID Base) {
    MI_SPACE_GUARD guard(MmCurrentProcess()->AddressSpace);
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(Base) >> PAGE_SHIFT);
    MMVAD* const vad = MiLocateVad(MmCurrentProcess()->AddressSpace, vpn);
    if (vad && vad->Flags.PrivateMemory && vad->Node.StartingVpn == vpn) vad->Flags.VadType = VadUserStack;
}

void MiTellStackLimit(const KTHREAD* thread, PVOID address) {
    if (!thread->Teb || thread->ApcState.Process != thread->Process) return;
    auto* const told = static_cast<NT_TIB*>(thread->Teb);
    PVOID const page = reinterpret_cast<PVOID>(reinterpret_cast<ULONG_PTR>(address) & ~ULONG_PTR(PAGE_SIZE - 1));
    __try {
        PVOID limit;
        CopyFromUser(&limit, &told->StackLimit, sizeof(limit));
        if (limit == static_cast<UCHAR*>(page) + PAGE_SIZE) CopyToUser(&told->StackLimit, &page, sizeof(page));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return; // the program has taken its TEB away
    }
}

NTSTATUS NTAPI MmCreateUserStack(SIZE_T Reserve, SIZE_T Commit, PVOID* StackBase) {
    MM_ADDRESS_SPACE& space = MmCurrentProcess()->AddressSpace;
    SIZE_T reserve = RoundUp(Reserve ? Reserve : DEFAULT_RESERVE);
    const SIZE_T commit = RoundUp(Commit ? Commit : PAGE_SIZE);
    if (reserve < commit || reserve - commit < BELOW) return STATUS_INVALID_PARAMETER;

    MI_USER_PAGES pages(space);
    ULONG_PTR base = 0;
    NT_TRY(MiAllocateVirtualMemory(space, pages, &base, 0, &reserve, MEM_RESERVE, PAGE_READWRITE));
    const ULONG_PTR lowest = base + reserve - commit;
    NTSTATUS status = ::Commit(space, pages, lowest, commit, PAGE_READWRITE);
    if (NT_SUCCESS(status)) status = ::Commit(space, pages, lowest - PAGE_SIZE, PAGE_SIZE, PAGE_READWRITE | PAGE_GUARD);
    if (!NT_SUCCESS(status)) {
        SIZE_T all = 0;
        (void)MiFreeVirtualMemory(space, pages, &base, &all, MEM_RELEASE);
        return status;
    }
    MarkAsStack(space, base);
    *StackBase = reinterpret_cast<PVOID>(base + reserve);
    return STATUS_SUCCESS;
}
