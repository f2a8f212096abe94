// Finding room for a range: the lowest or the highest gap between the ranges that is large enough.
//
// A search goes down the tree once, to the first range that can be in the way, and then from range to range: it looks at
// each gap once, never at single pages.
// Locks, IRQL: see vad.h.
// In the books: "reserving and committing pages", "virtual address descriptors". POL-06
#include "mm/vad/vad.h"
#include "nt/assert.h"

namespace {

/// The highest range that begins at `vpn` or below.
MMADDRESS_NODE* LastNodeFrom(ULONG vpn, const MM_AVL_TABLE* table) {
    MMADDRESS_NODE* last = nullptr;
    for (MMADDRESS_NODE* node = table->Root; node;) {
        if (node->StartingVpn <= vpn) {
            last = node;
            node = node->RightChild;
        } else {
            node = node->LeftChild;
        }
    }
    return last;
}

constexpr ULONG AlignUp(ULONG vpn, ULONG alignment) { return (vpn + alignment - 1) & ~(alignment - 1); }
constexpr ULONG AlignDown(ULONG vpn, ULONG alignment) { return vpn & ~(alignment - 1); }

/// What both searches expect of their callers. The sums below then stay far below 2^32.
bool IsSound(ULONG pages, ULONG alignment, ULONG lowest, ULONG highest) {
    NT_ASSERT(pages != 0 && highest <= MI_MAXIMUM_VPN);
    NT_ASSERT(alignment != 0 && alignment <= MI_MAXIMUM_VPN + 1 && (alignment & (alignment - 1)) == 0);
    return lowest <= highest && pages <= highest - lowest + 1;
}

} // namespace

bool MiFindEmptyAddressRange(const MM_AVL_TABLE* table, ULONG pages, ULONG alignment, ULONG lowest, ULONG highest,
                             ULONG* start) {
    if (!IsSound(pages, alignment, lowest, highest)) return false;
    ULONG candidate = AlignUp(lowest, alignment);
    const MMADDRESS_NODE* node = MiCheckForConflictingNode(lowest, highest, table);
    while (candidate + pages <= highest + 1) {
        if (!node || candidate + pages <= node->StartingVpn) { // it fits in before the range
            *start = candidate;
            return true;
        }
        if (candidate <= node->EndingVpn) candidate = AlignUp(node->EndingVpn + 1, alignment);
        node = MiGetNextNode(node);
    }
    return false;
}

bool MiFindEmptyAddressRangeDown(const MM_AVL_TABLE* table, ULONG pages, ULONG alignment, ULONG lowest, ULONG highest,
                                 ULONG* start) {
    if (!IsSound(pages, alignment, lowest, highest)) return false;
    ULONG end = highest + 1; // of the gap that is looked at, the page behind it
    for (const MMADDRESS_NODE* node = LastNodeFrom(highest, table);; node = MiGetPreviousNode(node)) {
        const ULONG first = node && node->EndingVpn >= lowest ? node->EndingVpn + 1 : lowest; // of the gap
        if (first + pages <= end) {
            const ULONG candidate = AlignDown(end - pages, alignment);
            if (candidate >= first) {
                *start = candidate;
                return true;
            }
        }
        if (first == lowest) return false;
        end = node->StartingVpn;
    }
}
