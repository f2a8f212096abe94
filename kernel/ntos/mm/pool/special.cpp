// Special pool: each block lies at the end of a page of its own, and the page behind it is not there.
//
// So an overrun faults at the instruction that makes it. A freed page is unmapped and its address is not used again for long, so a use
// after the free faults, too. The bytes of the page in front of the block, and the few behind it that its alignment leaves,
// hold a pattern that the free looks at.
//
//     page of the block                                     page behind
//     | SPECIAL_PAGE | pattern ........ | block | pattern | not there |
//
// The entries of pages that are not there say why: SpecialGuard or SpecialFreed, which is how a fault knows.
// Lock: SpecialLock guards the ring of freed pages. IRQL: <= DISPATCH_LEVEL.
// In the books: "driver verifier: special pool". POL-05
#include "ke/bugcheck.h"
#include "ke/options.h"
#include "mm/mi.h"
#include "mm/pool/mipool.h"
#include "mm/section/segment.h"
#include "mm/sysptes/systemspace.h"
#include "rtl/string.h"

namespace {

/// What the page of a block begins with.
struct SPECIAL_PAGE {
    ULONG Signature;
    POOL_SPECIAL Block;
};
constexpr ULONG SPECIAL_SIGNATURE = 0x6C637053;
constexpr UCHAR SPECIAL_PATTERN = 0x5B;
constexpr ULONG PAGES_OF_BLOCK = 2;
constexpr ULONG ALIGNMENT = 8;

// Invalid entries: bit 0 is clear.
constexpr ULONG SpecialGuard = 0x5BC0DE00, SpecialFreed = 0x5BF4EE00;

constexpr ULONG FREED_RING = 256; ///< freed blocks whose addresses are not used again
KSPIN_LOCK SpecialLock;
MMPTE* Freed[FREED_RING] GUARDED_BY(SpecialLock);
ULONG NextFreed GUARDED_BY(SpecialLock);

constexpr ULONG ROOM = PAGE_SIZE - ULONG(sizeof(SPECIAL_PAGE));

UCHAR* PageOf(PVOID block) {
    return reinterpret_cast<UCHAR*>(reinterpret_cast<ULONG_PTR>(block) & ~ULONG_PTR(PAGE_SIZE - 1));
}

ULONG OffsetOf(SIZE_T bytes) { return PAGE_SIZE - ULONG((bytes + ALIGNMENT - 1) & ~SIZE_T(ALIGNMENT - 1)); }

/// Gives addresses back whose pages every processor has forgotten.
void Release(MMPTE* first) {
    if (!first) return;
    for (ULONG i = 0; i < PAGES_OF_BLOCK; i++)
        first[i].Long = 0;
    MiReleaseSystemSpace(first, PAGES_OF_BLOCK);
}

/// Puts a freed block's addresses into the ring, and takes those out that have been there longest.
MMPTE* Exchange(MMPTE* first) {
    nt::SpinLockGuard guard(SpecialLock);
    MMPTE* const oldest = Freed[NextFreed];
    Freed[NextFreed] = first;
    NextFreed = (NextFreed + 1) % FREED_RING;
    return oldest;
}

/// Addresses for a block; where there are none, those that were freed first.
MMPTE* ReserveAddresses() {
    for (ULONG turn = 0; turn <= FREED_RING; turn++) {
        if (MMPTE* const first = MiReserveSystemSpace(PAGES_OF_BLOCK)) return first;
        Release(Exchange(nullptr));
    }
    return nullptr;
}

/// Page table entries have bits for addresses near the non-paged pool's start only: blocks that they lead to stay there.
bool DoEntriesLeadTo(ULONG tag) { return tag == MI_PROTOTYPE_TAG || tag == MI_CONTROL_AREA_TAG; }

PVOID NTAPI Allocate(const POOL_SPECIAL* Wanted) {
    if (DoEntriesLeadTo(Wanted->Tag)) return nullptr;
    MMPTE* const first = ReserveAddresses();
    if (!first) return nullptr;
    const PFN_NUMBER frame = MiAllocateFrame();
    if (frame == 0) {
        Release(first);
        return nullptr;
    }
    first[1].Long = SpecialGuard;
    first[0].Long = MiKernelPte(frame).Long;
    auto* const page = static_cast<UCHAR*>(MiGetVirtualAddressMappedByPte(first));
    RtlFillMemory(page, PAGE_SIZE, SPECIAL_PATTERN);
    *reinterpret_cast<SPECIAL_PAGE*>(page) = {SPECIAL_SIGNATURE, *Wanted};
    return page + OffsetOf(Wanted->Bytes);
}

BOOLEAN NTAPI IsBlock(const volatile void* Address) {
    return reinterpret_cast<ULONG_PTR>(Address) - MmSystemPteStart <= MmSystemPteEnd - MmSystemPteStart;
}

void NTAPI Query(PVOID Block, POOL_SPECIAL* Found) {
    const auto& page = *reinterpret_cast<SPECIAL_PAGE*>(PageOf(Block)); // a freed block faults here
    constexpr ULONG FREED_INVALID = 0x99;
    if (page.Signature != SPECIAL_SIGNATURE || PageOf(Block) + OffsetOf(page.Block.Bytes) != Block)
        KeBugCheckEx(BAD_POOL_CALLER, FREED_INVALID, reinterpret_cast<ULONG_PTR>(Block), 0, 0);
    *Found = page.Block;
}

/// Stops the system if one of these bytes was written.
void CheckPattern(PVOID block, const UCHAR* begin, const UCHAR* end, ULONG where) {
    for (const UCHAR* at = begin; at < end; at++) {
        if (*at != SPECIAL_PATTERN)
            KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, reinterpret_cast<ULONG_PTR>(block),
                         reinterpret_cast<ULONG_PTR>(at), 0, where);
    }
}

void NTAPI Free(PVOID Block) {
    constexpr ULONG NEARBY = 0x23, BEHIND = 0x24; // documented fourth parameters
    UCHAR* const page = PageOf(Block);
    const SIZE_T bytes = reinterpret_cast<SPECIAL_PAGE*>(page)->Block.Bytes;
    auto* const block = static_cast<UCHAR*>(Block);
    CheckPattern(Block, page + sizeof(SPECIAL_PAGE), block, NEARBY);
    CheckPattern(Block, block + bytes, page + PAGE_SIZE, BEHIND);
    MMPTE* const first = MiGetPteAddress(page);
    const PFN_NUMBER frame = first->Hard.PageFrameNumber;
    first[0].Long = first[1].Long = SpecialFreed;
    MiFlushEntry(page); // no processor reaches the frame any more before it is free
    MiFreeFrame(frame);
    Release(Exchange(first));
}

} // namespace

void MiInitializeSpecialPool() {
    static constexpr EX_SPECIAL_SOURCE source = {ROOM, Allocate, IsBlock, Query, Free};
    KeInitializeSpinLock(&SpecialLock, KLOCK_RANK::Pool);
    if (KeLoaderOptions.SpecialPool) ExInitializeSpecialPool(&source);
}

ULONG MiSpecialPoolFault(PVOID address) {
    if (!IsBlock(address)) return 0;
    switch (MiGetPteAddress(address)->Long) {
    case SpecialGuard: return PAGE_FAULT_BEYOND_END_OF_ALLOCATION;
    case SpecialFreed: return PAGE_FAULT_IN_FREED_SPECIAL_POOL;
    default: return 0;
    }
}
