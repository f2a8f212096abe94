// Translations that must be forgotten: on this processor by an instruction, on the others by asking them to.
//
// A page table entry that becomes invalid, or leads elsewhere, is still in the translation look-aside buffers of every
// processor that used it. The caller changes the entry first; when these routines return, no processor uses the old one.
// Locks: none; callers may hold spin locks (the others answer at IPI_LEVEL, also while they spin). IRQL: < IPI_LEVEL.
// In the books: "translation look-aside buffer". MEM-04, INT-01
#include "i386/cpu.h"
#include "ke/flushtb.h"
#include "ke/ki/ipi.h"
#include "ldr.h"

namespace {

constexpr ULONG CR4_GLOBAL_PAGES = 1u << 7;

void NTAPI FlushPage(PVOID address) { nt::cpu::InvalidatePage(address); }

void NTAPI FlushAll(PVOID) { nt::cpu::WriteCr3(nt::cpu::ReadCr3()); }

/// Switching global pages off and on forgets them with the rest.
void NTAPI FlushAllAndGlobal(PVOID) {
    const ULONG cr4 = nt::cpu::ReadCr4();
    if (cr4 & CR4_GLOBAL_PAGES) {
        nt::cpu::WriteCr4(cr4 & ~CR4_GLOBAL_PAGES);
        nt::cpu::WriteCr4(cr4);
    } else {
        FlushAll(nullptr);
    }
}

/// Pages in a row.
/// shared: fixed while the packet runs
struct Range {
    UCHAR* First;
    ULONG Pages;
};

void NTAPI FlushRange(PVOID context) {
    const auto& range = *static_cast<const Range*>(context);
    for (ULONG page = 0; page < range.Pages; page++)
        nt::cpu::InvalidatePage(range.First + SIZE_T(page) * PAGE_SIZE);
}

void NTAPI FlushList(PVOID context) {
    const auto& list = *static_cast<const KTB_FLUSH_LIST*>(context);
    for (ULONG i = 0; i < list.Count; i++)
        nt::cpu::InvalidatePage(list.Pages[i]);
}

KAFFINITY AllProcessors() {
#if defined(MICA_EXPLORE) // the explorer takes its conductor's processor out of KeActiveProcessors
    return (1u << ULONG(KeNumberProcessors)) - 1;
#else
    return __atomic_load_n(&KeActiveProcessors, __ATOMIC_ACQUIRE);
#endif
}

/// The processors that may know translations of a process's user half; of system space, all.
KAFFINITY ProcessorsOf(const KPROCESS* process) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the entries were written before this is read
    return process ? KAFFINITY(process->ActiveProcessors) : AllProcessors();
}

void FlushOn(KAFFINITY targets, KIPI_WORKER* worker, PVOID context) {
    if (targets) KiIpiSendPacket(targets, worker, context);
}

/// What forgets everything: global pages, too, if they are of system space.
KIPI_WORKER* AllOf(const KPROCESS* process) { return process ? FlushAll : FlushAllAndGlobal; }

void Flush(KIPI_WORKER* worker, PVOID context, BOOLEAN allProcessors) {
    if (allProcessors && KeNumberProcessors > 1) {
        FlushOn(AllProcessors(), worker, context);
    } else {
        worker(context);
    }
}

} // namespace

extern "C" {

void NTAPI KeFlushSingleTb(PVOID Virtual, BOOLEAN AllProcessors) {
    if (reinterpret_cast<ULONG_PTR>(Virtual) >= LDR_SYSTEM_SPACE) return Flush(FlushPage, Virtual, AllProcessors);
    if (AllProcessors && KeNumberProcessors > 1) {
        FlushOn(ProcessorsOf(KeGetCurrentThread()->ApcState.Process), FlushPage, Virtual);
    } else {
        FlushPage(Virtual);
    }
}

void NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors) {
    Flush(Invalid ? FlushAllAndGlobal : FlushAll, nullptr, AllProcessors);
}

void NTAPI KeFlushMultipleTb(KTB_FLUSH_LIST* List, const KPROCESS* Process) {
    if (List->Count > FLUSH_MULTIPLE_MAXIMUM) {
        FlushOn(ProcessorsOf(Process), AllOf(Process), nullptr);
    } else if (List->Count != 0) {
        FlushOn(ProcessorsOf(Process), FlushList, List);
    }
    List->Count = 0;
}

void NTAPI KeFlushRangeTb(PVOID Virtual, ULONG Pages, const KPROCESS* Process) {
    Range range = {static_cast<UCHAR*>(Virtual), Pages};
    if (Pages > FLUSH_MULTIPLE_MAXIMUM) {
        FlushOn(ProcessorsOf(Process), AllOf(Process), nullptr);
    } else if (Pages != 0) {
        FlushOn(ProcessorsOf(Process), FlushRange, &range);
    }
}

void NTAPI KeFlushProcessTb(const KPROCESS* Process) { FlushOn(ProcessorsOf(Process), FlushAll, nullptr); }
}
