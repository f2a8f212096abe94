// pte: how an address is translated, entry by entry, in the current address space.
//
// Locks: none; each entry is read once. Page tables are mapped to themselves, so an entry is memory like any other.
// In the books: "virtual address translation", "invalid PTEs", the !pte extension. TOL-06, MEM-04, MEM-05
#include "kd/commands.h"
#include "kd/processview.h"
#include "mm/i386/pte.h"
#include "mm/layout.h"

namespace {

constexpr ULONG LOOKUP_NEEDED = 0xFFFFF; ///< upper bits of a prototype PTE's place that tell none: the VAD does
constexpr ULONG PROTOTYPE_LOW_BITS = 7;  ///< of MMPTE_PROTOTYPE::ProtoAddressLow

void PrintValid(KD_SESSION& session, MMPTE_HARDWARE pte) {
    session.Print("valid, page %x: %s, %s%s%s%s%s%s%s%s%s", pte.PageFrameNumber, pte.Write ? "write" : "read-only",
                  pte.Owner ? "user" : "kernel", pte.Accessed ? ", accessed" : "", pte.Dirty ? ", dirty" : "",
                  pte.LargePage ? ", large page" : "", pte.Global ? ", global" : "",
                  pte.CacheDisable ? ", not cached" : "", pte.WriteThrough ? ", write-through" : "",
                  pte.CopyOnWrite ? ", copy on write" : "", pte.Prototype ? ", of a prototype PTE" : "");
}

void PrintProtection(KD_SESSION& session, ULONG protection) {
    const bool more = protection != MM_NOACCESS;
    session.Print(", %s%s%s", KdpProtectionName(protection), more && protection & MM_NOCACHE ? ", not cached" : "",
                  more && protection & MM_GUARD_PAGE ? ", guard page" : "");
}

void PrintPrototype(KD_SESSION& session, MMPTE pte) {
    if (pte.Soft.PageFileHigh == LOOKUP_NEEDED) {
        session.Print("prototype, the VAD tells which");
        PrintProtection(session, pte.Soft.Protection);
        return;
    }
    const ULONG index = pte.Proto.ProtoAddressHigh << PROTOTYPE_LOW_BITS | pte.Proto.ProtoAddressLow;
    session.Print("prototype PTE %08x", ULONG(MmNonPagedPoolStart + index * sizeof(MMPTE)));
}

void PrintEntry(KD_SESSION& session, PCSTR name, const MMPTE* address, MMPTE pte) {
    session.Print("  %s %p  %08x  ", name, static_cast<const void*>(address), pte.Long);
    switch (MiPteKind(pte)) {
    case MI_PTE_KIND::Zero: session.Print("never used"); break;
    case MI_PTE_KIND::Valid: PrintValid(session, pte.Hard); break;
    case MI_PTE_KIND::Decommitted: session.Print("decommitted"); break;
    case MI_PTE_KIND::Prototype: PrintPrototype(session, pte); break;
    case MI_PTE_KIND::DemandZero:
        session.Print("demand zero");
        PrintProtection(session, pte.Soft.Protection);
        break;
    case MI_PTE_KIND::PageFile:
        session.Print("page file %u, page %x", pte.Soft.PageFileLow, pte.Soft.PageFileHigh);
        PrintProtection(session, pte.Soft.Protection);
        break;
    case MI_PTE_KIND::Transition:
        session.Print("in transition, page %x", pte.Trans.PageFrameNumber);
        PrintProtection(session, pte.Trans.Protection);
        break;
    }
    session.Print("\n");
}

} // namespace

KD_COMMAND(pte, "address", "how an address is translated: directory entry and page table entry") {
    ULONG number;
    if (!session.HasWord()) {
        session.Print("pte needs an address\n");
        return;
    }
    if (!session.NextNumber(&number)) return;
    PVOID const address = reinterpret_cast<PVOID>(ULONG_PTR(number));
    const MMPTE* const pde = MiGetPdeAddress(address);
    const MMPTE directory = {.Long = *const_cast<const volatile ULONG*>(&pde->Long)};
    session.Print("address %p\n", address);
    PrintEntry(session, "PDE", pde, directory);
    if (MiPteKind(directory) != MI_PTE_KIND::Valid || directory.Hard.LargePage) return;
    const MMPTE* const pte = MiGetPteAddress(address);
    PrintEntry(session, "PTE", pte, {.Long = *const_cast<const volatile ULONG*>(&pte->Long)});
}
