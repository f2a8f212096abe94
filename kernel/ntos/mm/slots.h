// A physical page at an address, for a moment: mapping slots of each processor.
//
// Most pages of memory are mapped nowhere, or in another address space only. Whatever reads or writes one by its number maps it in
// a slot: a page table entry at MM_MAPPING_SLOTS that belongs to the processor, and so needs no lock.
//
//     { nt::MappedPage page(frame); page.As<ULONG>()[0] = 1; }
//
// Invariants: a slot is used by its own processor alone, so only its own TLB can know it, and that forgets it when the guard
// goes. Guards nest; the one made last goes first.
// IRQL: DISPATCH_LEVEL (the thread stays on its processor); above only in a stopped system.
// In the books: "hyperspace: mapping a page temporarily". MEM-03
#pragma once

#include "ke/irql.h"
#include "mm/i386/pte.h"
#include "mm/layout.h"

/// Slots of a processor: so many guards may nest.
constexpr ULONG MM_SLOTS_PER_PROCESSOR = 6;
/// The system's page directory, mapped for good behind the slots: the one that all others are copied from.
constexpr ULONG_PTR MM_SYSTEM_DIRECTORY = MM_KERNEL_SHARED_DATA - PAGE_SIZE;

namespace nt {

/// A page of memory, mapped while the guard lives.
class MappedPage {
public:
    /// @param frame its number. @irql DISPATCH_LEVEL, as long as the guard lives
    explicit MappedPage(PFN_NUMBER frame) REQUIRES_(AtDispatchLevel);
    ~MappedPage();
    MappedPage(const MappedPage&) = delete;
    MappedPage& operator=(const MappedPage&) = delete;

    /// Its first byte.
    template <typename T> T* As() const { return static_cast<T*>(MiGetVirtualAddressMappedByPte(m_entry)); }

private:
    MMPTE* const m_entry;
};

} // namespace nt
