// Checks of exercise 2.5: the tree of ranges, and reserving, committing, decommitting and releasing. Ranges are named by page numbers;
// an address space has page tables that are an array.
//
// with: kernel/ntos/mm/vad/check.cpp
// with: kernel/ntos/mm/vad/search.cpp
// with: kernel/ntos/mm/vad/room.cpp
// with: kernel/ntos/mm/vad/place.cpp
// with: kernel/ntos/mm/vad/pagestate.cpp
// with: kernel/ntos/ex/pool/inject.cpp
// with: kernel/ntos/mm/charge.cpp
// with: kernel/ntos/mm/protect.cpp
#include "check.h"

#include "ex/pool.h"
#include "mm/charge.h"
#include "mm/section/views.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/virtual.h"

#include <initializer_list>
#include <stdlib.h>

// ---- the machine: what the routines of the exercise stand on ------------------------------------------------------

extern "C" {
void FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex) {}
void FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex) {}
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    return calloc(1, NumberOfBytes);
}
void NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag) { free(P); }
}
ULONG MiLastViewPageAlike(const MMVAD* vad, ULONG vpn) { return vpn; }
ULONG MiProtectionOfViewPage(const MMVAD* vad, ULONG vpn) { return 0; }
NTSTATUS MiCommitView(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    return STATUS_CONFLICTING_ADDRESSES; // there are no views here
}

/// Page tables of the pages 0..4095: four of them, which exist once they were made.
class Tables final : public MI_PAGE_TABLE {
public:
    MMPTE Read(ULONG vpn) override { return m_entries[vpn]; }
    void Write(ULONG vpn, MMPTE pte) override {
        Expect(1, m_exists[vpn / PTE_PER_PAGE], "page tables of an entry that is written",
               "MakeTable comes before Write.");
        Expect(0, MiHoldsPage(m_entries[vpn]), "Write over an entry that holds a page",
               "Entries of pages are changed by DeletePage and Protect.");
        m_entries[vpn] = pte;
    }
    bool MakeTable(ULONG vpn) override { return m_exists[vpn / PTE_PER_PAGE] = true; }
    ULONG UsedEntries(ULONG vpn) override {
        ULONG used = 0;
        for (ULONG i = 0; i < PTE_PER_PAGE; i++)
            used += m_entries[(vpn & ~(PTE_PER_PAGE - 1)) + i].Long != 0;
        return used;
    }
    void FreeTables(ULONG first, ULONG last) override {}
    void DeletePage(ULONG vpn, MMPTE after) override { m_entries[vpn] = after; }
    ULONG Protection(ULONG vpn) override { return m_entries[vpn].Trans.Protection; }
    void Protect(ULONG vpn, ULONG protection) override { m_entries[vpn].Trans.Protection = protection; }

private:
    MMPTE m_entries[4 * PTE_PER_PAGE] = {};
    bool m_exists[4] = {};
};

static MM_ADDRESS_SPACE Space;
static Tables Table;

static void Allocate(ULONG first, ULONG last, ULONG type) {
    MmTotalCommitLimit = 1000;
    ULONG_PTR base = ULONG_PTR(first) << PAGE_SHIFT;
    SIZE_T size = SIZE_T(last - first + 1) << PAGE_SHIFT;
    const NTSTATUS status = MiAllocateVirtualMemory(Space, Table, &base, 0, &size, type, PAGE_READWRITE);
    Expect(0, ULONG(status), "the status", "There is memory for all that is asked here.");
}
static void Free(ULONG first, ULONG last, ULONG type) {
    ULONG_PTR base = ULONG_PTR(first) << PAGE_SHIFT;
    SIZE_T size = SIZE_T(last - first + 1) << PAGE_SHIFT;
    const NTSTATUS status = MiFreeVirtualMemory(Space, Table, &base, &size, type);
    Expect(0, ULONG(status), "the status", "The pages are of one range.");
}

/// The pages first..last: C committed, r reserved, - in no range.
static check::Text Pages(ULONG first, ULONG last) {
    check::Text text;
    for (ULONG vpn = first; vpn <= last; vpn++) {
        const MMVAD* const vad = MiLocateVad(Space, vpn);
        text.Add(!vad ? "-" : MiPageState(vad, Table, vpn).Committed ? "C" : "r");
    }
    return text;
}

static MM_AVL_TABLE Tree;
static MMADDRESS_NODE Nodes[16]; ///< node n stands for page n

static void Insert(ULONG vpn) {
    Nodes[vpn].StartingVpn = Nodes[vpn].EndingVpn = vpn;
    MiInsertNode(&Nodes[vpn], &Tree);
}

/// The ranges of the tree from low to high, and which rule it breaks, if one.
static check::Text Ranges() {
    check::Text text;
    if (PCSTR broken = MiCheckVadTree(&Tree)) {
        text.Add("%s", broken);
        return text;
    }
    const MMADDRESS_NODE* node = Tree.Root;
    while (node && node->LeftChild)
        node = node->LeftChild;
    for (; node; node = MiGetNextNode(node))
        text.Add(text.Chars[0] ? " %u" : "%u", node->StartingVpn);
    return text;
}

// ---- the checks ---------------------------------------------------------------------------------------------------

CHECK("three ranges come into the tree") {
    DO(Insert(5));
    DO(Insert(3));
    DO(Insert(7));
    Expect("3 5 7", Ranges(), "the ranges", "A left subtree has the ranges below its node's, a right one those above.");
}

CHECK("ranges that come in rising order make no list of the tree") {
    for (ULONG vpn = 1; vpn <= 7; vpn++)
        DO(Insert(vpn));
    Expect("1 2 3 4 5 6 7", Ranges(), "the ranges", "The heights of a node's two subtrees differ by at most one.");
}

CHECK("a range with two children leaves the tree") {
    for (ULONG vpn : {4, 2, 6, 1, 3, 5, 7})
        DO(Insert(vpn));
    DO(MiRemoveNode(&Nodes[4], &Tree));
    Expect("1 2 3 5 6 7", Ranges(), "the ranges", "Each other node is where its own range belongs.");
    Expect(5, Nodes[5].StartingVpn, "the range of node 5", "Ranges never move from node to node.");
}

CHECK("a reservation costs nothing, a commit is charged") {
    DO(Allocate(16, 23, MEM_RESERVE));
    Expect("rrrrrrrr", Pages(16, 23), "pages 16 to 23", "The pages are a private range.");
    Expect(0, Space.CommitCharge, "CommitCharge", "A reservation is a VAD and nothing else.");
    DO(Allocate(32, 35, MEM_RESERVE | MEM_COMMIT));
    Expect("CCCC", Pages(32, 35), "pages 32 to 35", "With MEM_COMMIT all of it is committed.");
    Expect(4, Space.CommitCharge, "CommitCharge", "Each committed page is charged once.");
}

CHECK("some pages of a range are committed") {
    DO(Allocate(16, 23, MEM_RESERVE));
    DO(Allocate(18, 20, MEM_COMMIT));
    Expect("rrCCCrrr", Pages(16, 23), "pages 16 to 23", "Other pages of the range are as they were.");
    DO(Allocate(20, 21, MEM_COMMIT));
    Expect(4, Space.CommitCharge, "CommitCharge", "A page that was committed keeps its charge.");
}

CHECK("a page of a committed range is decommitted") {
    DO(Allocate(16, 23, MEM_RESERVE | MEM_COMMIT));
    DO(Free(19, 19, MEM_DECOMMIT));
    Expect("CCCrCCCC", Pages(16, 23), "pages 16 to 23", "Other pages of the range are as they were.");
    Expect(7, Space.CommitCharge, "CommitCharge", "The charge of those that were committed is given back.");
}

CHECK("the middle of a range is released") {
    DO(Allocate(16, 23, MEM_RESERVE | MEM_COMMIT));
    DO(Free(18, 20, MEM_RELEASE));
    Expect("CC---CCC", Pages(16, 23), "pages 16 to 23", "The pages are no range's. What is left is as it was.");
    Expect(2, Space.VadRoot.NumberOfNodes, "ranges", "What is left of a middle is two ranges.");
}
