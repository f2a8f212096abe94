// The AVL tree of a process's ranges: insertion, removal, and the rotations that keep it balanced.
//
// A node's Balance is the height of its right subtree less that of its left one: -1, 0 or 1. A change makes it 2 or -2
// somewhere, and a rotation, or two, repair it:
//
//        node +2                  child                  node +2                      inner
//        /    \                   /   \                  /    \                       /   \
//       a    child      --->    node   c                a    child -1     --->    node     child
//            /   \              /  \                         /    \               /  \     /   \
//           b     c            a    b                    inner     d             a    b   c     d
//                                                        /   \
//                                                       b     c
//
// Rotations do not change the order of the nodes. Locks, IRQL: see vad.h.
// In the books: "virtual address descriptors", "balanced trees". POL-06
#include "ke/bugcheck.h"
#include "mm/vad/vad.h"
#include "nt/assert.h"

// LAB(2.5) begin
namespace {

constexpr LONG LEFT = -1, RIGHT = 1;

MMADDRESS_NODE*& Child(MMADDRESS_NODE* node, LONG side) { return side == LEFT ? node->LeftChild : node->RightChild; }

/// On which side of its parent a node is.
LONG Side(const MMADDRESS_NODE* node) { return node->Parent->LeftChild == node ? LEFT : RIGHT; }

/// The pointer that leads to a node: its parent's, or the table's.
MMADDRESS_NODE*& Link(MMADDRESS_NODE* node, MM_AVL_TABLE* table) {
    return node->Parent ? Child(node->Parent, Side(node)) : table->Root;
}

/// Makes `child` (or nullptr) the child of `parent` on a side.
void Attach(MMADDRESS_NODE* parent, LONG side, MMADDRESS_NODE* child) {
    Child(parent, side) = child;
    if (child) child->Parent = parent;
}

/// Moves the child on `side` up to the place of `node`, which becomes its child on the other side.
void Rotate(MMADDRESS_NODE* node, LONG side, MM_AVL_TABLE* table) {
    MMADDRESS_NODE* const child = Child(node, side);
    Link(node, table) = child;
    child->Parent = node->Parent;
    Attach(node, side, Child(child, -side));
    Attach(child, -side, node);
}

/// Repairs a Balance of 2 or -2. @returns the node that is now at the top; its Balance is not 0 exactly if the height of
/// the subtree is what it was with the Balance of 2 or -2.
MMADDRESS_NODE* Rebalance(MMADDRESS_NODE* node, MM_AVL_TABLE* table) {
    const LONG heavy = node->Balance > 0 ? RIGHT : LEFT;
    MMADDRESS_NODE* const child = Child(node, heavy);

    if (child->Balance != -heavy) { // the outer grandchild is high
        Rotate(node, heavy, table);
        node->Balance = child->Balance == 0 ? heavy : 0;
        child->Balance = child->Balance == 0 ? -heavy : 0;
        return child;
    }
    MMADDRESS_NODE* const inner = Child(child, -heavy);
    Rotate(child, -heavy, table);
    Rotate(node, heavy, table);
    node->Balance = inner->Balance == heavy ? -heavy : 0;
    child->Balance = inner->Balance == -heavy ? heavy : 0;
    inner->Balance = 0;
    return inner;
}

/// The subtree of `parent` on `side` has become higher by 1. The walk towards the root adjusts each Balance, and ends where
/// the height of the subtree is what it was.
void RebalanceAfterInsertion(MMADDRESS_NODE* parent, LONG side, MM_AVL_TABLE* table) {
    for (;;) {
        parent->Balance += side;
        if (parent->Balance == 0) return; // the lower subtree has grown
        if (parent->Balance != side) {
            (void)Rebalance(parent, table);
            return; // as high as before the insertion
        }
        if (!parent->Parent) return;
        side = Side(parent);
        parent = parent->Parent;
    }
}

/// The subtree of `parent` on `side` has become lower by 1. Without a parent it was the whole tree. The walk ends as above.
void RebalanceAfterRemoval(MMADDRESS_NODE* parent, LONG side, MM_AVL_TABLE* table) {
    while (parent) {
        parent->Balance -= side;
        if (parent->Balance == -side) return; // was 0: the other subtree still has that height
        if (parent->Balance != 0) {
            parent = Rebalance(parent, table);
            if (parent->Balance != 0) return;
        }
        if (!parent->Parent) return;
        side = Side(parent);
        parent = parent->Parent;
    }
}

/// Exchanges the places of a node with two children and the next higher one, which has no left child.
void SwapWithNext(MMADDRESS_NODE* node, MM_AVL_TABLE* table) {
    MMADDRESS_NODE* next = node->RightChild;
    while (next->LeftChild)
        next = next->LeftChild;
    MMADDRESS_NODE* const right = next->RightChild;
    MMADDRESS_NODE* const nextParent = next->Parent;
    const LONG balance = next->Balance;

    Link(node, table) = next;
    next->Parent = node->Parent;
    next->Balance = node->Balance;
    Attach(next, LEFT, node->LeftChild);
    if (nextParent == node) {
        Attach(next, RIGHT, node);
    } else {
        Attach(next, RIGHT, node->RightChild);
        Attach(nextParent, LEFT, node);
    }
    node->Balance = balance;
    Attach(node, LEFT, nullptr);
    Attach(node, RIGHT, right);
}

} // namespace
// LAB(2.5) end

void MiInsertNode(MMADDRESS_NODE* node, MM_AVL_TABLE* table) {
    // LAB(2.5) begin
    NT_ASSERT(node->StartingVpn <= node->EndingVpn && node->EndingVpn <= MI_MAXIMUM_VPN);
    NT_ASSERT(!MiCheckForConflictingNode(node->StartingVpn, node->EndingVpn, table));

    MMADDRESS_NODE* parent = nullptr;
    MMADDRESS_NODE** link = &table->Root;
    while (*link) {
        parent = *link;
        link = &Child(parent, node->StartingVpn < parent->StartingVpn ? LEFT : RIGHT);
    }
    *link = node;
    node->Parent = parent;
    node->LeftChild = node->RightChild = nullptr;
    node->Balance = 0;
    table->NumberOfNodes++;
    if (parent) RebalanceAfterInsertion(parent, Side(node), table);
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
}

void MiRemoveNode(MMADDRESS_NODE* node, MM_AVL_TABLE* table) {
    // LAB(2.5) begin
    NT_ASSERT(table->NumberOfNodes != 0);
    if (node->LeftChild && node->RightChild) SwapWithNext(node, table);

    MMADDRESS_NODE* const child = node->LeftChild ? node->LeftChild : node->RightChild;
    MMADDRESS_NODE* const parent = node->Parent;
    const LONG side = parent ? Side(node) : RIGHT;
    Link(node, table) = child;
    if (child) child->Parent = parent;
    if (table->NodeHint == node) table->NodeHint = nullptr;
    table->NumberOfNodes--;
    RebalanceAfterRemoval(parent, side, table);
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
}
