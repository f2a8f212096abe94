// Paging devices: pages go to the page file's disk and come back, at its time and in its order.
//
// In the books: "page files", "paging I/O". PFN-15
// machine: memory=16 pagefile=2
// machine: memory=16 pagefile=2 option=/DISKLATENCY=0
// machine: memory=16 pagefile=2:ide option=/IDE
// The IDE disk takes the host's time, so nothing is said of it there.
#include "guest_main.h"
#include "hal.h"
#include "ke/options.h"
#include "ldr.h"
#include "mm.h"
#include "mm/pagefile.h"
#include "mm/testbacking.h"
#include "together.h"

namespace {

constexpr ULONG FILE_PAGES = 2 * 1024 * 1024 / PAGE_SIZE; ///< of each machine above
constexpr ULONG BUFFER_PAGES = 64, WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG TRANSFERS = 2000, TRANSFERS_ALONE = 200; ///< alone: without a host, on slow emulators
constexpr ULONG SPARSE = 61; ///< of the many transfers' pages one word in so many is looked at

volatile LONG Ends; ///< transfers that have ended

/// A transfer that a thread waits for.
struct TRANSFER : MM_TRANSFER {
    PFN_NUMBER FrameNumbers[MM_MAXIMUM_TRANSFER];
    KEVENT Done;
    KIRQL Irql;
    LONG Place;                     ///< it was the how manieth to end
    LONGLONG Begun, Ended;          ///< performance counter
    ULONGLONG BegunTime, EndedTime; ///< interrupt time, 100 ns units: it moves by ticks
};

MM_BACKING* Device() { return MmQueryPagingFile(0); }

bool HasOption(PCSTR name) { return RtlFindOption(KeLoaderBlock->LoadOptions, name, nullptr, 0); }

/// Whether the disk's time is the machine's own: an IDE disk's is the host's.
bool DiskHasTheMachinesTime() { return KeLoaderOptions.Test && !HasOption("IDE"); }

LONGLONG Now() { return KeQueryPerformanceCounter(nullptr).QuadPart; }

/// Between two counts of the performance counter, in microseconds.
LONGLONG Microseconds(LONGLONG begin, LONGLONG end) {
    LARGE_INTEGER frequency;
    (void)KeQueryPerformanceCounter(&frequency);
    return (end - begin) * 1'000'000 / frequency.QuadPart;
}

void NTAPI Complete(MM_TRANSFER* Transfer) {
    auto* const self = static_cast<TRANSFER*>(Transfer);
    self->Ended = Now();
    self->EndedTime = KeQueryInterruptTime();
    self->Irql = KeGetCurrentIrql();
    self->Place = InterlockedIncrement(&Ends);
    KeSetEvent(&self->Done, 0, FALSE);
}

/// Pages of memory that transfers scatter over.
class Buffer {
public:
    Buffer() : m_pages(static_cast<ULONG*>(MmAllocateContiguousPages(BUFFER_PAGES))) {}
    ~Buffer() { MmFreeContiguousPages(m_pages, BUFFER_PAGES); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    ULONG* Page(ULONG index) { return m_pages + index * WORDS; }
    PFN_NUMBER Frame(ULONG index) { return MmGetPhysicalAddress(Page(index)).LowPart / PAGE_SIZE; }
    /// Every `step`th word of a page, the last word with it, follows from `value`. (2^32 divided by the golden ratio)
    void Fill(ULONG index, ULONG value, ULONG step = 1) {
        for (ULONG i = 0; i < WORDS; i += step)
            Page(index)[WORDS - 1 - i] = value * 2'654'435'761u + i;
    }
    bool Holds(ULONG index, ULONG value, ULONG step = 1) {
        for (ULONG i = 0; i < WORDS; i += step) {
            if (Page(index)[WORDS - 1 - i] != value * 2'654'435'761u + i) return false;
        }
        return true;
    }

private:
    ULONG* m_pages;
};

/// A transfer with the buffer's pages from `first` on, `step` apart.
void Prepare(TRANSFER& transfer, bool write, ULONG page, ULONG pages, Buffer& buffer, ULONG first = 0, ULONG step = 1) {
    transfer.Offset = ULONGLONG(page) * PAGE_SIZE;
    transfer.Pages = pages;
    transfer.Frames = transfer.FrameNumbers;
    transfer.Write = write;
    transfer.Completion = Complete;
    for (ULONG i = 0; i < pages && i < MM_MAXIMUM_TRANSFER; i++)
        transfer.FrameNumbers[i] = buffer.Frame((first + i * step) % BUFFER_PAGES);
    KeInitializeEvent(&transfer.Done, NotificationEvent, FALSE);
}

void Start(TRANSFER& transfer, MM_BACKING* backing = Device()) {
    transfer.BegunTime = KeQueryInterruptTime();
    transfer.Begun = Now();
    backing->Calls->Start(backing, &transfer);
}

NTSTATUS Finish(TRANSFER& transfer) {
    (void)KeWaitForSingleObject(&transfer.Done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    return transfer.Status;
}

NTSTATUS Carry(TRANSFER& transfer) {
    Start(transfer);
    return Finish(transfer);
}

/// Whether a transfer took so many milliseconds of interrupt time, rounded up to ticks. (Its start and its end each may be a tick late.)
bool Took(const TRANSFER& transfer, ULONG milliseconds) {
    const ULONGLONG least = milliseconds * 10'000u, tick = KeQueryTimeIncrement();
    const ULONGLONG took = transfer.EndedTime - transfer.BegunTime;
    return took >= least && took < least + 2 * tick;
}

/// Numbers that look random, the same in every run (Numerical Recipes' constants).
class Random {
public:
    explicit Random(ULONG seed) : m_state(seed) {}
    ULONG Below(ULONG limit) { return ((m_state = m_state * 1664525 + 1013904223) >> 8) % limit; }

private:
    ULONG m_state;
};

/// What two thousand transfers share.
/// shared: changes by interlocked operations
struct MANY {
    volatile LONG Wrong;
    volatile LONG Done;
    LONG Wanted;
};

/// Writes and reads its own part of the page file, and remembers what each page holds.
void UseDevice(ULONG index, PVOID context) {
    auto& many = *static_cast<MANY*>(context);
    constexpr ULONG PART = 100;
    static USHORT held[GUEST_TOGETHER_MAXIMUM][PART]; // 0: never written
    Buffer buffer;
    TRANSFER transfer;
    Random random(index + 1);
    const ULONG first = 1 + index * PART;
    for (ULONG round = 1; many.Done < many.Wanted; round++) {
        const ULONG page = random.Below(PART), room = PART - page;
        const ULONG pages = 1 + random.Below(room < MM_MAXIMUM_TRANSFER ? room : MM_MAXIMUM_TRANSFER);
        const ULONG from = random.Below(BUFFER_PAGES),
                    step = 1 + 2 * random.Below(BUFFER_PAGES / 2); // odd: no page twice
        const bool write = random.Below(2) != 0;
        Prepare(transfer, write, first + page, pages, buffer, from, step);
        for (ULONG i = 0; write && i < pages; i++)
            buffer.Fill((from + i * step) % BUFFER_PAGES, held[index][page + i] = USHORT(round), SPARSE);
        bool right = NT_SUCCESS(Carry(transfer)) && transfer.Information == pages * PAGE_SIZE;
        for (ULONG i = 0; i < pages; i++) {
            const USHORT value = held[index][page + i];
            if (value != 0 && !buffer.Holds((from + i * step) % BUFFER_PAGES, value, SPARSE)) right = false;
        }
        if (!right) InterlockedIncrement(&many.Wrong);
        InterlockedIncrement(&many.Done);
    }
}

} // namespace

extern "C" {
/// Of the last digest run: a number made from the times at which the transfers ended. The host compares runs.
ULONGLONG PageDeviceDigest;
}

// PFN-15
GUEST_TEST(TheDiskIsAPageFile) {
    GUEST_EQUAL(1, MmNumberOfPagingFiles);
    GUEST_EQUAL(FILE_PAGES, MmTotalPageFileSpace);
    GUEST_EQUAL(FILE_PAGES - 1, MmTotalFreePageFileSpace);
    GUEST_EQUAL(ULONGLONG(FILE_PAGES) * PAGE_SIZE, Device()->Calls->Size(Device()));
}

// PFN-15
GUEST_TEST(PagesComeBackFromTheDisk) {
    Buffer buffer;
    TRANSFER transfer;
    for (ULONG i = 0; i < MM_MAXIMUM_TRANSFER; i++)
        buffer.Fill(i, 100 + i);
    Prepare(transfer, true, FILE_PAGES - MM_MAXIMUM_TRANSFER, MM_MAXIMUM_TRANSFER, buffer);
    GUEST_EQUAL(STATUS_SUCCESS, Carry(transfer));
    GUEST_EQUAL(MM_MAXIMUM_TRANSFER * PAGE_SIZE, transfer.Information);
    GUEST_EQUAL(DISPATCH_LEVEL, transfer.Irql);
    Prepare(transfer, false, FILE_PAGES - MM_MAXIMUM_TRANSFER, MM_MAXIMUM_TRANSFER, buffer, 63, 3); // 63, 2, 5, 8 ...
    GUEST_EQUAL(STATUS_SUCCESS, Carry(transfer));
    for (ULONG i = 0; i < MM_MAXIMUM_TRANSFER; i++)
        GUEST_TRUE(buffer.Holds((63 + 3 * i) % BUFFER_PAGES, 100 + i));
}

// PFN-15, ERR-10
GUEST_TEST(WhatIsNotOnTheDiskEndsWithAStatus) {
    Buffer buffer;
    TRANSFER transfer;
    Prepare(transfer, false, FILE_PAGES, 1, buffer);
    GUEST_EQUAL(STATUS_END_OF_FILE, Carry(transfer));
    Prepare(transfer, true, FILE_PAGES - 1, 2, buffer);
    GUEST_EQUAL(STATUS_END_OF_FILE, Carry(transfer));
    buffer.Fill(1, 7);
    Prepare(transfer, false, FILE_PAGES - 1, 2, buffer);
    GUEST_EQUAL(STATUS_SUCCESS, Carry(transfer));
    GUEST_EQUAL(PAGE_SIZE, transfer.Information);
    GUEST_TRUE(buffer.Holds(1, 7)); // no byte behind the end came
    Prepare(transfer, false, 1, MM_MAXIMUM_TRANSFER + 1, buffer);
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, Carry(transfer));
}

// PFN-15: the latency in the machine's own time
GUEST_TEST(ATransferTakesTheDisksTime) {
    const bool latent = !HasOption("DISKLATENCY");
    Buffer buffer;
    TRANSFER transfer;
    for (ULONG i = 0; i < 8; i++) {
        Prepare(transfer, i % 2 != 0, 1 + i, 1 + i, buffer);
        GUEST_EQUAL(STATUS_SUCCESS, Carry(transfer));
        if (!DiskHasTheMachinesTime()) continue;
        GUEST_TRUE(latent ? Took(transfer, 1) : Microseconds(transfer.Begun, transfer.Ended) < 500);
    }
}

// PFN-15: the order of the arm
GUEST_TEST(TransfersThatWaitAreSwept) {
    constexpr ULONG PAGES[] = {300, 100, 500, 302, 200}; // 300 is at the disk while the others come
    constexpr LONG PLACES[] = {1, 4, 3, 2, 5};
    Buffer buffer;
    TRANSFER transfers[5];
    Ends = 0;
    {
        nt::DispatchLevelGuard level; // no DPC here: the first cannot end before the last has come
        for (ULONG i = 0; i < 5; i++) {
            Prepare(transfers[i], false, PAGES[i], 2, buffer, 4 * i);
            Start(transfers[i]);
        }
    }
    for (ULONG i = 0; i < 5; i++) {
        GUEST_EQUAL(STATUS_SUCCESS, Finish(transfers[i]));
        GUEST_EQUAL(PLACES[i], transfers[i].Place);
    }
}

// PFN-15: 2,000 transfers with random scatter lists, from a thread on each processor
GUEST_TEST(ManyTransfersLoseNoByte) {
    MANY many = {0, 0, LONG(KeLoaderOptions.Test ? TRANSFERS : TRANSFERS_ALONE)};
    GUEST_TRUE(GuestTogether(UseDevice, &many) != 0);
    GUEST_EQUAL(0, many.Wrong);
    GUEST_TRUE(many.Done >= many.Wanted);
}

// PFN-15: failures on demand in front of the disk
GUEST_TEST(ATestBackingFailsInFrontOfTheDisk) {
    static MM_TEST_BACKING backing;
    MmInitializeTestBacking(&backing, Device());
    backing.FailingPage = 12;
    backing.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    backing.Latency = 300'000; // 30 ms
    Buffer buffer;
    TRANSFER transfer;
    Prepare(transfer, true, 10, 4, buffer);
    Start(transfer, &backing.Backing);
    GUEST_EQUAL(STATUS_DEVICE_DATA_ERROR, Finish(transfer));
    GUEST_EQUAL(2 * PAGE_SIZE, transfer.Information);
    if (!DiskHasTheMachinesTime()) return;
    GUEST_TRUE(Took(transfer, 30) || Took(transfer, 31)); // the disk's own millisecond
}

// PFN-15: the times at which transfers end, for the host that compares runs
GUEST_TEST(TimesOfTransfersMakeADigest) {
    Buffer buffer;
    TRANSFER transfers[4];
    Random random(4711);
    ULONGLONG digest = 0;
    for (ULONG round = 0; round < 25; round++) {
        for (TRANSFER& transfer : transfers) {
            const ULONG pages = 1 + random.Below(MM_MAXIMUM_TRANSFER);
            Prepare(transfer, random.Below(2) != 0, 1 + random.Below(400), pages, buffer, random.Below(BUFFER_PAGES));
            Start(transfer);
        }
        for (TRANSFER& transfer : transfers) {
            GUEST_EQUAL(STATUS_SUCCESS, Finish(transfer));
            digest = digest * 1'000'003 + ULONGLONG(transfer.Ended);
        }
    }
    PageDeviceDigest = digest;
    GUEST_TRUE(digest != 0);
}
