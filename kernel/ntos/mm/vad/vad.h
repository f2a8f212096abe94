// Virtual address descriptors: which ranges of a process's user space are in use, and for what.
//
// A VAD is a node of the process's tree and stands for one range of pages that was reserved or mapped at once. The tree is
// ordered by address and balanced (AVL): the two subtrees of a node differ in height by at most one, so looking an
// address up takes a number of steps that grows with the logarithm of the number of ranges.
//
// Invariants, checked by MiCheckVadTree: ranges do not overlap; StartingVpn <= EndingVpn; Balance is the right subtree's
// height less the left one's; NodeHint is a node of the tree or nullptr. Reserved and committed pages of one private range
// differ only in their PTEs, and in MemCommit for those whose PTEs are still 0.
// Lock: a change of the tree holds both MM_ADDRESS_SPACE::AddressCreationLock and Vm.WorkingSetMutex; a look holds one of
// them. So a page fault, which holds the second one only, finds a whole tree. IRQL: APC_LEVEL while held.
// In the books: "virtual address descriptors". POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/vad.h"
#include "nt/types.h"

constexpr ULONG MI_MAXIMUM_VPN = 0xFFFFF; ///< number of the last page of 4 GB

/// @returns the node whose range holds the page, or nullptr. Remembers it in NodeHint.
MMADDRESS_NODE* MiLocateAddressInTree(ULONG vpn, MM_AVL_TABLE* table);
/// @returns the lowest node whose range shares a page with first..last, or nullptr.
MMADDRESS_NODE* MiCheckForConflictingNode(ULONG first, ULONG last, const MM_AVL_TABLE* table);
/// Adds a range that conflicts with none. The caller owns the node's memory. Post: the invariants hold; each other node has
/// the range that it had.
void MiInsertNode(MMADDRESS_NODE* node, MM_AVL_TABLE* table);
/// Takes a node of the tree out. The node's memory goes back to the caller. Post: the invariants hold; each other node has
/// the range that it had; nothing names the node, NodeHint neither.
void MiRemoveNode(MMADDRESS_NODE* node, MM_AVL_TABLE* table);
/// The range with the next higher or lower address; nullptr at the end.
MMADDRESS_NODE* MiGetNextNode(const MMADDRESS_NODE* node);
MMADDRESS_NODE* MiGetPreviousNode(const MMADDRESS_NODE* node);
/// Finds the lowest room for `pages` pages (1 or more) between the page numbers lowest and highest, both included.
/// @param alignment in pages, a power of two: the room begins on a multiple. @param[out] start number of its first page.
/// @returns whether there is room.
bool MiFindEmptyAddressRange(const MM_AVL_TABLE* table, ULONG pages, ULONG alignment, ULONG lowest, ULONG highest,
                             ULONG* start);
/// The same, the highest possible (MEM_TOP_DOWN).
bool MiFindEmptyAddressRangeDown(const MM_AVL_TABLE* table, ULONG pages, ULONG alignment, ULONG lowest, ULONG highest,
                                 ULONG* start);
/// Checked builds and tests: the invariants above. @param[out] culprit receives the node that breaks one, nullptr if the
/// table itself does; may be nullptr. @returns what is broken, in words; nullptr if nothing is.
PCSTR MiCheckVadTree(const MM_AVL_TABLE* table, const MMADDRESS_NODE** culprit = nullptr);
