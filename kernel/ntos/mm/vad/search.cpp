// Searching the tree of ranges: the range that holds a page, ranges that share pages with another one, the neighbours of
// a range. Each search goes down from the root once, or up from a node.
//
// Locks, IRQL: see vad.h.
// In the books: "virtual address descriptors". POL-06
#include "mm/vad/vad.h"

MMADDRESS_NODE* MiLocateAddressInTree(ULONG vpn, MM_AVL_TABLE* table) {
    const auto holds = [vpn](const MMADDRESS_NODE* node) { return node->StartingVpn <= vpn && vpn <= node->EndingVpn; };
    // Two threads that look may write the hint at once: each writes a node of the tree, and a removal excludes both.
    MMADDRESS_NODE* node = __atomic_load_n(&table->NodeHint, __ATOMIC_RELAXED);
    if (node && holds(node)) return node;

    node = table->Root;
    while (node && !holds(node))
        node = vpn < node->StartingVpn ? node->LeftChild : node->RightChild;
    if (node) __atomic_store_n(&table->NodeHint, node, __ATOMIC_RELAXED);
    return node;
}

MMADDRESS_NODE* MiCheckForConflictingNode(ULONG first, ULONG last, const MM_AVL_TABLE* table) {
    // The lowest range that ends at `first` or above is the only candidate: all others lie higher or end before.
    MMADDRESS_NODE* candidate = nullptr;
    for (MMADDRESS_NODE* node = table->Root; node;) {
        if (node->EndingVpn >= first) {
            candidate = node;
            node = node->LeftChild;
        } else {
            node = node->RightChild;
        }
    }
    return candidate && candidate->StartingVpn <= last ? candidate : nullptr;
}

MMADDRESS_NODE* MiGetNextNode(const MMADDRESS_NODE* node) {
    if (MMADDRESS_NODE* next = node->RightChild) {
        while (next->LeftChild)
            next = next->LeftChild;
        return next;
    }
    while (node->Parent && node->Parent->RightChild == node)
        node = node->Parent;
    return node->Parent;
}

MMADDRESS_NODE* MiGetPreviousNode(const MMADDRESS_NODE* node) {
    if (MMADDRESS_NODE* previous = node->LeftChild) {
        while (previous->RightChild)
            previous = previous->RightChild;
        return previous;
    }
    while (node->Parent && node->Parent->LeftChild == node)
        node = node->Parent;
    return node->Parent;
}
