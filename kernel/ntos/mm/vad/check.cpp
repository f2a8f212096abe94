// The invariants of the tree of ranges, as a routine: checked builds call it after changes, tests after each step.
//
// The recursion ends even in a tree that is damaged: no AVL tree of 2^20 nodes is higher than MAXIMUM_HEIGHT.
// Locks, IRQL: see vad.h.
// In the books: "virtual address descriptors". POL-06
#include "mm/vad/vad.h"

namespace {

constexpr LONG MAXIMUM_HEIGHT = 29; ///< 1.44 log2(2^20 + 2), rounded up

/// One walk over a tree: what was found so far.
struct WALK {
    PCSTR Broken;
    const MMADDRESS_NODE* Culprit;
    const MMADDRESS_NODE* Previous; ///< the next lower node
    const MMADDRESS_NODE* Hint;
    ULONG Nodes;
    bool HintSeen;
};

LONG Report(WALK& walk, PCSTR broken, const MMADDRESS_NODE* culprit) {
    if (!walk.Broken) {
        walk.Broken = broken;
        walk.Culprit = culprit;
    }
    return 0;
}

/// Looks at a subtree, its nodes from low to high. @returns its height; 0 once something is broken.
LONG Look(WALK& walk, const MMADDRESS_NODE* node, const MMADDRESS_NODE* parent, LONG depth) {
    if (!node) return 0;
    if (depth > MAXIMUM_HEIGHT) return Report(walk, "the tree is too high, or leads back into itself", node);
    if (node->Parent != parent) return Report(walk, "a child does not name its parent", node);

    const LONG left = Look(walk, node->LeftChild, node, depth + 1);
    if (walk.Broken) return 0;
    if (node->StartingVpn > node->EndingVpn) return Report(walk, "a range ends before it begins", node);
    if (walk.Previous && walk.Previous->EndingVpn >= node->StartingVpn)
        return Report(walk, "a range does not lie behind the one before", node);
    walk.Previous = node;
    walk.Nodes++;
    walk.HintSeen |= node == walk.Hint;

    const LONG right = Look(walk, node->RightChild, node, depth + 1);
    if (walk.Broken) return 0;
    if (node->Balance != right - left) return Report(walk, "Balance is not the difference of the heights", node);
    if (node->Balance < -1 || node->Balance > 1) return Report(walk, "the tree is not balanced", node);
    return 1 + (left > right ? left : right);
}

} // namespace

PCSTR MiCheckVadTree(const MM_AVL_TABLE* table, const MMADDRESS_NODE** culprit) {
    WALK walk{};
    walk.Hint = table->NodeHint;
    (void)Look(walk, table->Root, nullptr, 1);
    if (!walk.Broken && walk.Nodes != table->NumberOfNodes)
        (void)Report(walk, "NumberOfNodes is not the number of nodes", nullptr);
    if (!walk.Broken && walk.Hint && !walk.HintSeen) (void)Report(walk, "NodeHint is no node of the tree", walk.Hint);
    if (culprit) *culprit = walk.Culprit;
    return walk.Broken;
}
