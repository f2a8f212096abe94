// Mapping slots: a page table entry, and the processor's own translation of it. Contract: mm/slots.h. MEM-03
#include "mm/slots.h"
#include "i386/cpu.h"
#include "ke/processor.h"
#include "mm/mi.h"
#include "nt/assert.h"

namespace {

ULONG InUse[MAXIMUM_PROCESSORS]; ///< guards that live; shared: each processor uses its own element

constexpr ULONG_PTR SLOTS_END = MM_MAPPING_SLOTS + ULONG_PTR(MAXIMUM_PROCESSORS) * MM_SLOTS_PER_PROCESSOR * PAGE_SIZE;
static_assert(SLOTS_END <= MM_SYSTEM_DIRECTORY);

MMPTE* TakeSlot() REQUIRES_(AtDispatchLevel) {
    const ULONG processor = KeGetCurrentProcessorNumber();
    const ULONG index = InUse[processor]++;
    NT_ASSERT(index < MM_SLOTS_PER_PROCESSOR);
    const ULONG slot = processor * MM_SLOTS_PER_PROCESSOR + index;
    MMPTE* const entry = MiGetPteAddress(reinterpret_cast<PVOID>(MM_MAPPING_SLOTS + ULONG_PTR(slot) * PAGE_SIZE));
    NT_ASSERT(entry->Long == 0);
    return entry;
}

} // namespace

nt::MappedPage::MappedPage(PFN_NUMBER frame) : m_entry(TakeSlot()) {
    MMPTE pte = MiKernelPte(frame);
    pte.Hard.Global = 0;
    m_entry->Long = pte.Long;
}

nt::MappedPage::~MappedPage() {
    PVOID const address = MiGetVirtualAddressMappedByPte(m_entry);
    m_entry->Long = 0;
    nt::cpu::InvalidatePage(address);
    InUse[KeGetCurrentProcessorNumber()]--;
}
