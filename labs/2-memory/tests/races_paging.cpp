// Exercise 2.8 under many schedules: pages that are needed while they are read, and changed while they are written.
//
// The actors are threads of one process, and a processor that needs a page (takenpage.h). The disk is memory of this driver: a transfer
// that was started ends in a DPC.
// In the books: "collided page faults", "modified page writer". MEM-05, PFN-04, PFN-06
#include "mm/faults.h"
#include "mm/pagefile.h"
#include "mm/writer/pagewrite.h"
#include "takenpage.h"

namespace {

/// More of the memory manager's routines.
enum OWN_ROUTINE : ULONG { CopyPage = Own, Gather, EndPages };

constexpr ULONG PLACES = 16, TRANSFERS = 8;

/// The disk: what its places hold, and the transfers that run.
struct DISK {
    static inline bool Made;
    alignas(PAGE_SIZE) static inline UCHAR Places[PLACES * PAGE_SIZE];
    static inline KDPC Dpcs[TRANSFERS];
    static inline volatile LONG Started; ///< transfers
    static inline volatile LONG Reads;   ///< of the place that is watched
    static inline ULONG Watched;

    static PFN_NUMBER FrameOf(ULONG place) { return MiGetPteAddress(&Places[place * PAGE_SIZE])->Hard.PageFrameNumber; }
    static void Copy(PFN_NUMBER to, PFN_NUMBER from) { Call(CopyPage, to, from); }

    static ULONGLONG NTAPI Size(MM_BACKING*) { return PLACES * PAGE_SIZE; }
    static void NTAPI Start(MM_BACKING*, MM_TRANSFER* Transfer) {
        const ULONG number = ULONG(InterlockedIncrement(&Started)) - 1;
        const ULONG behind = Watched - ULONG(Transfer->Offset / PAGE_SIZE);
        if (!Transfer->Write && behind < Transfer->Pages) InterlockedIncrement(&Reads);
        KeInsertQueueDpc(&Dpcs[number % TRANSFERS], Transfer, nullptr);
    }
    static void NTAPI Work(PKDPC, PVOID, PVOID SystemArgument1, PVOID) {
        auto* const transfer = static_cast<MM_TRANSFER*>(SystemArgument1);
        for (ULONG i = 0; i < transfer->Pages; i++) {
            const PFN_NUMBER place = FrameOf(ULONG(transfer->Offset / PAGE_SIZE) + i), page = transfer->Frames[i];
            Copy(transfer->Write ? place : page, transfer->Write ? page : place);
        }
        MmCompleteTransfer(transfer, STATUS_SUCCESS, transfer->Pages * PAGE_SIZE);
    }
    /// The disk is a page file from the first run on.
    static void Prepare() {
        static constexpr MM_BACKING_CALLS calls = {Size, Start, nullptr};
        static MM_BACKING backing = {&calls, 1, nullptr, {}};
        if (Made) return;
        Made = true;
        for (KDPC& dpc : Dpcs)
            KeInitializeDpc(&dpc, Work, nullptr);
        CHECK_EQUAL(STATUS_SUCCESS, MmCreatePagingFile(&backing, PLACES, PLACES, nullptr));
    }
};

/// A processor needs a page: it takes this one, if it waits on the standby list, and overwrites it. @returns its frame, or None
PFN_NUMBER Take(volatile ULONG* page) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = TakeLocked(page);
    if (frame != None) DISK::Copy(frame, DISK::FrameOf(0)); // the label: never what a page holds
    return frame;
}

/// A write of the modified pages, as the modified page writer does it.
struct WRITER {
    static inline MI_PAGE_WRITE Write;

    static void Run() {
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            if (Call<MI_GATHERED>(Gather, &Write) != MI_GATHERED::Pages) return;
        }
        for (ULONG i = 0; i < Write.Run.Pages; i++)
            DISK::Copy(DISK::FrameOf(Write.Run.Page + i), Write.Frames[i]);
        Call(EndPages, &Write, Write.Run.Pages, STATUS_SUCCESS);
    }
};

// PFN-04
/// Three threads need the same page of a page file: it is read once, and all find its bytes.
struct OneReadForAll {
    static constexpr ULONG Held = 0x28282828;
    static inline volatile ULONG* Page;
    static void Prepare() { DISK::Prepare(); }
    static void Setup() {
        Page = Allocate(1);
        Page[0] = Held;
        for (ULONG word = 1; word <= 3; word++)
            Page[word] = 0;
        MmEmptyWorkingSet();
        WRITER::Run();
        GiveBack(Take(Page));
        CHECK(MiPteKind(Entry(Page)) == MI_PTE_KIND::PageFile);
        DISK::Watched = Entry(Page).Soft.PageFileHigh;
        DISK::Reads = 0;
    }
    static void Use(ULONG word) {
        CHECK_EQUAL(Held, ULONG(Page[0]));
        Page[word] = word;
    }
    static void Actor0() { Use(1); }
    static void Actor1() { Use(2); }
    static void Actor2() { Use(3); }
    static void Check() {
        for (ULONG word = 1; word <= 3; word++)
            CHECK_EQUAL(word, ULONG(Page[word]));
        CHECK_EQUAL(1, DISK::Reads);
        CHECK_EQUAL(1u, ULONG(Element(Entry(Page).Hard.PageFrameNumber)->ReferenceCount));
        Free(Page);
    }
};

// PFN-06
/// A page is written to the page file while a thread changes it and another one trims it and takes it, if it may: nothing is lost.
struct WrittenWhileItChanges {
    static constexpr ULONG Old = 0x01010101, New = 0x02020202;
    static inline volatile ULONG* Page;
    static inline PFN_NUMBER Taken;
    static void Prepare() { DISK::Prepare(); }
    static void Setup() {
        Page = Allocate(1);
        for (ULONG word = 0; word < 3; word++)
            Page[word] = Old;
        MmEmptyWorkingSet();
        Taken = None;
    }
    static void Actor0() { WRITER::Run(); }
    static void Actor1() {
        Page[0] = New;
        Page[1] = New;
    }
    static void Actor2() {
        MmEmptyWorkingSet();
        Taken = Take(Page);
    }
    static void Check() {
        CHECK_EQUAL(New, ULONG(Page[0]));
        CHECK_EQUAL(New, ULONG(Page[1]));
        CHECK_EQUAL(Old, ULONG(Page[2]));
        CHECK(Entry(Page).Hard.PageFrameNumber != Taken);
        Free(Page);
        GiveBack(Taken);
    }
};

} // namespace

SCENARIO(OneReadForAll);
SCENARIO(WrittenWhileItChanges);
