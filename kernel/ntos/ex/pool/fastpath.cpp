// build: -fomit-frame-pointer
// ExAllocatePoolWithTag and ExFreePoolWithTag: the short way, to and from the processor's own list of this size.
//
// The short way of a free build is a few instructions with interrupts off, on the list at fs:[...]. It is taken when the list counts
// for the same tag; whatever else is the matter, the whole way (allocate.cpp) finds out, with the same arguments. This file has
// no frame pointers, and goes the whole way by a jump, so a backtrace shows the caller.
// IRQL: as pool.h says. In the books: "look-aside lists". POL-05
#include "ex/pool/expool.h"

#if defined(__i386__) && !defined(MICA_CHECKED) && !defined(MICA_EXPLORE)

namespace {

constexpr ULONG LIST = offsetof(KPCR, PrcbData) + offsetof(KPRCB, PoolLookaside);
constexpr ULONG ListHead = LIST + offsetof(KPOOL_LOOKASIDE, ListHead);
constexpr ULONG Room = LIST + offsetof(KPOOL_LOOKASIDE, Room);
constexpr ULONG Tag = LIST + offsetof(KPOOL_LOOKASIDE, Tag);
constexpr ULONG Allocates = LIST + offsetof(KPOOL_LOOKASIDE, Allocates);
constexpr ULONG LARGEST_KEPT = (KPOOL_LOOKASIDE_LISTS - 1) * POOL_SMALLEST_UNIT - sizeof(POOL_HEADER);
static_assert(sizeof(KPOOL_LOOKASIDE) == 2 * POOL_SMALLEST_UNIT); // so a size in bytes, doubled, leads to its list

// A header's first word is PreviousSize 9, PoolIndex 7, BlockSize 9, PoolType 7 bits; a kept block's size has no ninth bit.
constexpr UCHAR STATE_IN_USE = 1 << 1, STATE_KEPT = (1 | POOL_KEPT_MASK) << 1;
constexpr USHORT IN_USE_OF_NO_SIZE = 1 << 9;

/// An argument, read where the caller has put it: kept in a register for the whole way, it would cost the short way a push and a pop.
template <class T> __attribute__((always_inline)) inline T OnStack(volatile T& argument) { return argument; }

UCHAR& StateOf(PVOID block) { return static_cast<UCHAR*>(block)[-5]; }
ULONG& TagOf(PVOID block) { return static_cast<ULONG*>(block)[-1]; }
USHORT SizeAndTypeOf(PVOID block) { return static_cast<USHORT*>(block)[-3]; }

} // namespace

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG PoolTag) {
    const ULONG tag = OnStack(PoolTag), bytes = OnStack(NumberOfBytes);
    if (bytes <= LARGEST_KEPT) {
        __asm__ goto("cmpl %[nonPaged], %[type]\n\tjne %l[whole]"
                     :
                     : [type] "m"(PoolType), [nonPaged] "i"(NonPagedPool)
                     : "cc"
                     : whole);
        const ULONG list = 2 * ((bytes + sizeof(POOL_HEADER) + 7) & ~7u);
        PVOID block;
        __asm__ goto("pushfl\n\tcli\n\t"
                     "cmpl %[tag], %%fs:%c[Tag](%[list])\n\tjne 1f\n\t"
                     "movl %%fs:%c[Head](%[list]), %[block]\n\ttestl %[block], %[block]\n\tjne 2f\n"
                     "1:\tpopfl\n\tjmp %l[whole]\n"
                     "2:\tpushl (%[block])\n\tpopl %%fs:%c[Head](%[list])\n\t"
                     "incl %%fs:%c[Room](%[list])\n\tincl %%fs:%c[Allocates](%[list])\n\tpopfl"
                     : [block] "=&r"(block)
                     : [list] "r"(list), [tag] "r"(tag), [Head] "i"(ListHead), [Room] "i"(Room), [Tag] "i"(Tag),
                       [Allocates] "i"(Allocates)
                     : "memory", "cc"
                     : whole);
        StateOf(block) = STATE_IN_USE;
        TagOf(block) = tag;
        return block;
    }
whole:
    [[clang::musttail]] return ExpAllocatePoolWithTag(PoolType, NumberOfBytes, PoolTag);
}

void NTAPI ExFreePoolWithTag(PVOID P, ULONG FreeTag) {
    if (!ExpIsPageAligned(P) && ExpAddressOf(P) < EX_PAGED_POOL) { // the page of a paged block may be gone
        const ULONG tag = TagOf(P), units = SizeAndTypeOf(P) - IN_USE_OF_NO_SIZE;
        __asm__ goto("cmpl %[wanted], %[tag]\n\tjne %l[otherTag]"
                     :
                     : [wanted] "m"(FreeTag), [tag] "r"(tag)
                     : "cc"
                     : otherTag);
    anyTag:
        if (units < KPOOL_LOOKASIDE_LISTS) {
            __asm__ goto("pushfl\n\tcli\n\t"
                         "cmpl %[tag], %%fs:%c[Tag](%[list])\n\tjne 1f\n\t"
                         "decl %%fs:%c[Room](%[list])\n\tjns 2f\n\tincl %%fs:%c[Room](%[list])\n"
                         "1:\tpopfl\n\tjmp %l[whole]\n"
                         "2:\tpushl %%fs:%c[Head](%[list])\n\tpopl (%[block])\n\t"
                         "movl %[block], %%fs:%c[Head](%[list])\n\tmovb %[kept], -5(%[block])\n\tpopfl"
                         :
                         : [block] "r"(P), [list] "r"(units * sizeof(KPOOL_LOOKASIDE)), [tag] "r"(tag),
                           [Head] "i"(ListHead), [Room] "i"(Room), [Tag] "i"(Tag), [kept] "i"(STATE_KEPT)
                         : "memory", "cc"
                         : whole);
            return;
        }
        goto whole;
    otherTag:
        if (OnStack(FreeTag) == 0) goto anyTag;
    }
whole:
    [[clang::musttail]] return ExpFreePoolWithTag(P, FreeTag);
}

#else // checked builds look closer, explored ones keep nothing

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    [[clang::musttail]] return ExpAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

void NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag) { [[clang::musttail]] return ExpFreePoolWithTag(P, Tag); }

#endif
