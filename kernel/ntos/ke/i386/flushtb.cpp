// Translations that must be forgotten: on this processor by an instruction, on the others by asking them to.
//
// A page table entry that becomes invalid, or leads elsewhere, is still in the translation look-aside buffers of every
// processor that used it. The caller changes the entry first; when these routines return, no processor uses the old one.
// Locks: none; callers may hold spin locks (the others answer at IPI_LEVEL, also while they spin). IRQL: < IPI_LEVEL.
// In the books: "translation look-aside buffer". MEM-04, INT-01
#include "i386/cpu.h"
#include "ke/ki/ipi.h"

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

void Flush(KIPI_WORKER* worker, PVOID context, BOOLEAN allProcessors) {
    if (allProcessors && KeNumberProcessors > 1) {
        KiIpiSendPacket(__atomic_load_n(&KeActiveProcessors, __ATOMIC_ACQUIRE), worker, context);
    } else {
        worker(context);
    }
}

} // namespace

extern "C" {

void NTAPI KeFlushSingleTb(PVOID Virtual, BOOLEAN AllProcessors) { Flush(FlushPage, Virtual, AllProcessors); }

void NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors) {
    Flush(Invalid ? FlushAllAndGlobal : FlushAll, nullptr, AllProcessors);
}
}
