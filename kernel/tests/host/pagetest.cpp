// Memory of the host instead of physical memory; see pagetest.h.
#include "pagetest.h"

#include "mm/writer/pagefile.h"

#include <cstdlib>
#include <cstring>

extern "C" {
ULONG MmNumberOfPhysicalPages;
PFN_NUMBER MmHighestPhysicalPage = host::Frames - 1;
ULONG_PTR MmNonPagedPoolStart = reinterpret_cast<ULONG_PTR>(host::PageOf(0));
}

namespace host {

std::vector<ULONG> ReleasedPageFileSpace;
std::function<void(PFN_NUMBER)> BeforeZeroing;

namespace {

alignas(PAGE_SIZE) UCHAR Memory[Frames * PAGE_SIZE];
std::vector<MMPFN> Database;

struct Map {
    LOADER_PARAMETER_BLOCK Block = {};
    std::vector<MEMORY_ALLOCATION_DESCRIPTOR> Runs;

    Map() {
        const auto add = [&](TYPE_OF_MEMORY type, ULONG base, ULONG count) { Runs.push_back({{}, type, base, count}); };
        add(LoaderFirmwarePermanent, 0, 1);
        add(LoaderFree, 1, 159);
        add(LoaderFirmwarePermanent, 160, 96);
        add(LoaderSystemCode, 256, 4);
        add(LoaderFree, 260, 52);
        add(LoaderBad, BadFrame, 1);
        add(LoaderFree, 314, 6);
        LIST_ENTRY* const head = &Block.MemoryDescriptorListHead;
        head->Flink = head->Blink = head;
        for (MEMORY_ALLOCATION_DESCRIPTOR& run : Runs) {
            LIST_ENTRY* const last = head->Blink;
            run.ListEntry = {head, last};
            last->Flink = head->Blink = &run.ListEntry;
        }
        Block.HighestPhysicalPage = Frames - 1;
    }
};

MMPTE* InFrame(PFN_NUMBER frame, const MMPTE* pte) {
    return reinterpret_cast<MMPTE*>(PageOf(frame) + (reinterpret_cast<ULONG_PTR>(pte) & (PAGE_SIZE - 1)));
}

} // namespace

UCHAR* PageOf(PFN_NUMBER frame) { return Memory + SIZE_T(frame) * PAGE_SIZE; }

namespace {

void ForgetAll() {
    ReleasedPageFileSpace.clear();
    BeforeZeroing = nullptr;
    Database.assign(Frames, MMPFN{});
    std::memset(Memory, 0xAA, sizeof Memory);
    MmPfnDatabase = Database.data();
    MmPfnLock = {}; // a test that stopped has left it held
    MiMemoryThresholds = {};
    MmAvailablePages = 0;
    MiModifiedFilePages = 0;
    MmNumberOfPhysicalPages = FreeFrames;
    MmZeroingPageThreadActive = true;
    for (MMPFNLIST* list : MmPageLocationList) {
        list->Total = 0;
        list->Flink = list->Blink = MM_EMPTY_LIST;
    }
}

} // namespace

PageTest::PageTest() { ForgetAll(); }

void PageTest::Initialize() {
    const Map map;
    MiInitializePfnDatabase(&map.Block);
    MiClaimFreePage(PteFrame);
    for (ULONG i = 0; i < PTE_PER_PAGE; i++) {
        Pte(i)->Long = 0;
        Pte(i)->Soft.Protection = MM_READWRITE;
    }
}

void PageTest::RunUnlocked(const std::function<void()>& body, ULONG processors) {
    Run(
        [&] {
            {
                nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
                Initialize();
            }
            body();
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            Check();
        },
        processors);
}

void PageTest::RunLocked(const std::function<void()>& body) {
    RunUnlocked([&] {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        body();
    });
}

void PageTest::RunLockedUntilAssertion(const std::string& text, const std::function<void()>& body) {
    ForgetAll();
    RunUntilAssertion(text, [&] {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        Initialize();
        body();
    });
}

MMPTE* PageTest::Pte(ULONG index) { return reinterpret_cast<MMPTE*>(PageOf(PteFrame)) + index; }

PFN_NUMBER PageTest::Use(ULONG pteIndex, bool modified) {
    const PFN_NUMBER frame = MiRemoveAnyPage();
    EXPECT_NE(frame, MM_EMPTY_LIST);
    MiInitializePfn(frame, Pte(pteIndex), modified);
    Pte(pteIndex)->Long = frame << PAGE_SHIFT | 7;
    return frame;
}

PFN_NUMBER PageTest::UsePrototype(ULONG pteIndex, ULONG shares) {
    const PFN_NUMBER frame = Use(pteIndex);
    MiPfnElement(frame)->e1.PrototypePte = 1;
    for (ULONG i = 1; i < shares; i++)
        MiIncrementShareCount(frame);
    return frame;
}

void PageTest::Trim(ULONG pteIndex) {
    MMPTE* const pte = Pte(pteIndex);
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    MiCaptureDirtyBit(frame, *pte);
    *pte = MiMakeTransitionPte(frame, MM_READWRITE);
    MiDecrementShareCount(frame);
}

std::vector<PFN_NUMBER> PageTest::List(MMLISTS list) {
    std::vector<PFN_NUMBER> found;
    for (PFN_NUMBER frame = MmPageLocationList[list]->Flink; frame != MM_EMPTY_LIST;
         frame = MiPfnElement(frame)->u1.Flink)
        found.push_back(frame);
    return found;
}

void PageTest::Check() {
    const MI_PFN_CHECK found = MiCheckPfnDatabase();
    EXPECT_EQ(found.Broken, nullptr) << found.Broken << ", frame " << found.Frame;
}

} // namespace host

MMPTE MiReadPteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) { return *host::InFrame(pteFrame, pte); }

void MiWritePteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte, MMPTE value) { *host::InFrame(pteFrame, pte) = value; }

PFN_NUMBER MiFrameOfPte(const MMPTE* pte) {
    return PFN_NUMBER((reinterpret_cast<const UCHAR*>(pte) - host::PageOf(0)) / PAGE_SIZE);
}

void MiZeroPhysicalPage(PFN_NUMBER frame) {
    if (host::BeforeZeroing) host::BeforeZeroing(frame);
    std::memset(host::PageOf(frame), 0, PAGE_SIZE);
}

void MiReleasePageOfPageFile(MMPTE original) {
    host::ReleasedPageFileSpace.push_back(original.Soft.PageFileHigh);
    if (MmNumberOfPagingFiles != 0) MiReleasePageFileSpace({original.Soft.PageFileLow, original.Soft.PageFileHigh, 1});
}
