// Allocations that fail, one after the other: each error comes back as a status, and nothing is left behind.
//
// The work has parts. The host (kernel/tests/python/injection.py) has a part done with the n-th allocation failing, for n = 1, 2, ...
// until none fails any more, and looks at what InjectionSeen tells.
// machine: memory=16 pagefile=16 option=/DISKLATENCY=0 flavour=checked
#include "ex.h"
#include "mm.h"
#include "mm/mdl.h"

#include "guest_main.h"
#include "work.h"

extern "C" {
NTEXPORT INJECTION_SEEN InjectionSeen;
NTEXPORT volatile LONG* InjectionCommitment; ///< the host writes the address of MmTotalCommittedPages here
}

namespace {

constexpr ULONG TestTag = EX_TAG("Test");
constexpr ULONG SETTLE_TICKS = 100;

EX_INJECTION& Injection() { return *static_cast<EX_INJECTION*>(KdDebuggerDataBlock.ExpInjection); }

constexpr PART Parts[] = {
    {"threads", Threads},
    {"resources", Resources},
    {"timers and workers", TimersAndWorkers},
    {"pools", Pools},
    {"processes", Processes},
    {"private memory", PrivateMemory},
    {"user stack", UserStack},
    {"sections", Sections},
    {"images", Images},
    {"file sections", Files},
    {"MDLs", Mdls},
    {"paging", Paging, 80},
    {"section objects", SectionObjects},
};

/// Takes all pages but so many, for the guard's life.
class SQUEEZE {
public:
    explicit SQUEEZE(ULONG left) {
        const PHYSICAL_ADDRESS none = {.QuadPart = 0}, all = {.QuadPart = 0xFFFFFFFF};
        const ULONG free = MmQueryFreePages();
        if (left == 0 || free <= left) return;
        m_pages = MmAllocatePagesForMdl(none, all, none, SIZE_T(free - left) * PAGE_SIZE);
        MUST(m_pages != nullptr);
    }
    ~SQUEEZE() {
        if (!m_pages) return;
        MmFreePagesFromMdl(m_pages);
        ExFreePool(m_pages);
    }
    SQUEEZE(const SQUEEZE&) = delete;
    SQUEEZE& operator=(const SQUEEZE&) = delete;

private:
    MDL* m_pages = nullptr;
};

// ---- what is left behind

/// What may not change from the work's beginning to its end.
struct STOCK {
    LONG Bytes[POOL_TRACK_ROWS]; ///< of each tag, in both pools
    LONG Commitment;
    LONG Pages;
};
STOCK Before, After;

void Take(STOCK& stock) {
    for (ULONG i = 0; i < POOL_TRACK_ROWS; i++) {
        POOL_TRACKER_TABLE counts{};
        const ULONG key = ULONG(PoolTrackTable[i].Key);
        if (key != 0) ExQueryPoolTag(key, &counts);
        stock.Bytes[i] = counts.NonPagedBytes + counts.PagedBytes;
    }
    stock.Commitment = InjectionCommitment ? *InjectionCommitment : 0;
    stock.Pages = LONG(MmQueryFreePages());
}

/// Writes the differences down. @returns whether there are none
bool Compare() {
    Take(After);
    InjectionSeen.Tag = 0;
    InjectionSeen.Bytes = 0;
    for (ULONG i = 0; i < POOL_TRACK_ROWS && InjectionSeen.Bytes == 0; i++) {
        InjectionSeen.Bytes = After.Bytes[i] - Before.Bytes[i];
        InjectionSeen.Tag = InjectionSeen.Bytes != 0 ? ULONG(PoolTrackTable[i].Key) : 0;
    }
    InjectionSeen.Commitment = After.Commitment - Before.Commitment;
    InjectionSeen.Pages = Before.Pages - After.Pages;
    return InjectionSeen.Bytes == 0 && InjectionSeen.Commitment == 0 && InjectionSeen.Pages <= 0;
}

/// Threads that have ended give their memory back a little later, and a page that is being zeroed is nowhere for a while.
void Settle() {
    for (ULONG tick = 0; tick < SETTLE_TICKS && !Compare(); tick++) {
        LARGE_INTEGER delay = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    }
}

} // namespace

extern "C" {
/// @returns the name of a part; nullptr: there are no more
NTEXPORT PCSTR NTAPI InjectionPart(ULONG part) {
    return part < sizeof Parts / sizeof Parts[0] ? Parts[part].Name : nullptr;
}

/// Does a part of the work while its n-th allocation fails. @param n 0: none fails. @param kinds which ones count
/// @returns allocations that counted; the rest is in InjectionSeen
NTEXPORT ULONG NTAPI InjectionRun(ULONG part, ULONG n, ULONG kinds) {
    InjectionSeen = {};
    const SQUEEZE squeeze(Parts[part].PagesLeft);
    Take(Before);
    const LONG failed = Injection().Failed, attempts = Injection().Attempts;
    Injection().Kinds = kinds;
    Injection().FailAfter = LONG(n);
    Parts[part].Do();
    const LONG counted = Injection().Attempts - attempts;
    Injection().FailAfter = 0;
    InjectionSeen.Failed = ULONG(Injection().Failed - failed);
    Settle();
    if (PCSTR const broken = MmCheckPageFrames()) InjectionSeen.Broken = broken;
    if (!ExCheckPools() || (n % 8 == 0 && !MmCheckPools()))
        InjectionSeen.Broken = "the pools' invariants"; // a long walk
    return ULONG(counted);
}
}

// POL-05, ERR-10
GUEST_TEST(TheAllocationThatIsAskedForFails) {
    Injection().Kinds = ExInjectionMask(EX_ALLOCATION::Pool);
    Injection().FailAfter = 3;
    PVOID blocks[4];
    for (PVOID& block : blocks)
        block = ExAllocatePoolWithTag(NonPagedPool, 40, TestTag);
    GUEST_TRUE(blocks[0] && blocks[1] && !blocks[2] && blocks[3]);
    GUEST_TRUE(Injection().CallerCount > 2);
    for (PVOID block : blocks) {
        if (block) ExFreePoolWithTag(block, TestTag);
    }
}

// POL-05, POL-06, ERR-10: without the host
GUEST_TEST(EachPartLeavesNothingBehind) {
    for (ULONG part = 0; InjectionPart(part); part++) {
        (void)InjectionRun(part, 0, EX_INJECT_ALL); // the pools grow
        GUEST_TRUE(InjectionRun(part, 0, EX_INJECT_ALL) != 0 || part == 2);
        GUEST_EQUAL(STATUS_SUCCESS, InjectionSeen.Status);
        GUEST_EQUAL(0, InjectionSeen.Bytes);
        GUEST_EQUAL(0, InjectionSeen.Failed);
        GUEST_TRUE(InjectionSeen.Broken == nullptr);
    }
}
