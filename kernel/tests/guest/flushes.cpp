// Translations that are forgotten: by those processors that run the address space, by all that must, and at once.
#include "etw.h"
#include "hal.h"
#include "ke/flushtb.h"
#include "ke/ipi.h"
#include "mm.h"

#include "guest_main.h"
#include "pinned.h"

namespace {

constexpr ULONG PageValid = 1, PageWritable = 2, UserHalfTable = 1; ///< the directory's entry that the test uses: 4 MB
constexpr ULONG_PTR UserAddress = 0x400000;
constexpr ULONG Pages = 3;

KPROCESS Own; ///< a process of the test's: its directory, and one page table of its user half

/// Builds the process: Pages pages at UserAddress, the first of which shows `frames[0]`.
struct AddressSpace {
    ULONG_PTR Base[2];
    ULONG* Table;  ///< its page table, mapped for the test
    ULONG* Frames; ///< two pages for each of its pages: the one it shows, and another one

    ULONG FrameOf(ULONG number) {
        return MmGetPhysicalAddress(reinterpret_cast<UCHAR*>(Frames) + number * PAGE_SIZE).LowPart;
    }
    void Show(ULONG page, ULONG number) { Table[page] = FrameOf(number) | PageWritable | PageValid; }

    AddressSpace() {
        GUEST_TRUE(MmCreateProcessDirectory(Base));
        Table = static_cast<ULONG*>(MmAllocateContiguousPages(1));
        Frames = static_cast<ULONG*>(MmAllocateContiguousPages(2 * Pages));
        for (ULONG number = 0; number < 2 * Pages; number++)
            Frames[number * PAGE_SIZE / sizeof(ULONG)] = number;
        for (ULONG page = 0; page < Pages; page++)
            Show(page, page);
        auto* const directory = static_cast<ULONG*>(MmMapIoSpace({.QuadPart = Base[0]}, PAGE_SIZE, MmCached));
        directory[UserHalfTable] = MmGetPhysicalAddress(Table).LowPart | PageWritable | PageValid;
        KeInitializeProcess(&Own, 8, ~KAFFINITY(0), Base);
    }
};

ULONG Read(ULONG page) { return *reinterpret_cast<volatile ULONG*>(UserAddress + page * PAGE_SIZE); }

/// A thread that runs in the process on its own processor: reads all pages, waits there, and reads again.
struct READER {
    volatile ULONG Phase; ///< 1: the translations are known; 2: read again
    ULONG Before[Pages], After[Pages];
};

void NTAPI ReadTwice(PVOID context) {
    auto& reader = *static_cast<READER*>(context);
    KAPC_STATE state;
    KeStackAttachProcess(&Own, &state);
    {
        const nt::DispatchLevelGuard stays; // no switch forgets translations by the way
        for (ULONG page = 0; page < Pages; page++)
            reader.Before[page] = Read(page);
        reader.Phase = 1;
        while (reader.Phase != 2)
            YieldProcessor();
        for (ULONG page = 0; page < Pages; page++)
            reader.After[page] = Read(page);
    }
    KeUnstackDetachProcess(&state);
}

/// Changes all pages while each other processor runs the process, lets `flush` forget them, and looks whether all did.
template <typename Flush> void AllForget(Flush flush) {
    AddressSpace space;
    READER readers[MAXIMUM_PROCESSORS] = {};
    PETHREAD threads[MAXIMUM_PROCESSORS];
    for (ULONG i = 1; i < Processors(); i++) {
        threads[i] = StartOn(Only(i), i, 12, ReadTwice, &readers[i]);
        GUEST_TRUE(Comes([&] { return readers[i].Phase == 1; }));
    }
    KAPC_STATE state;
    KeStackAttachProcess(&Own, &state);
    ULONG wrong = 0;
    for (ULONG page = 0; page < Pages; page++)
        wrong += Read(page) != page;
    for (ULONG page = 0; page < Pages; page++)
        space.Show(page, Pages + page);
    flush();
    for (ULONG page = 0; page < Pages; page++)
        wrong += Read(page) != Pages + page;
    KeUnstackDetachProcess(&state);
    for (ULONG i = 1; i < Processors(); i++) {
        readers[i].Phase = 2;
        Join(threads[i]);
        for (ULONG page = 0; page < Pages; page++)
            wrong += readers[i].Before[page] != page || readers[i].After[page] != Pages + page;
    }
    GUEST_EQUAL(0, wrong);
    GUEST_EQUAL(0, Own.ActiveProcessors);
}

PVOID Address(ULONG page) { return reinterpret_cast<PVOID>(UserAddress + page * PAGE_SIZE); }

/// Which processors this one asks for a call meanwhile, by the records of its ring; counts the requests. The clock may ask
/// for other things meanwhile.
template <typename Flush> KAFFINITY AskedDuring(Flush flush, ULONG* requests) {
    const nt::DispatchLevelGuard stays;
    const ETW_RING& ring = EtwRing[KeGetCurrentProcessorNumber()];
    const ULONG first = ring.Next;
    flush();
    KAFFINITY asked = 0;
    *requests = 0;
    for (ULONG i = first; i != ring.Next; i++) {
        const ETW_RECORD& record = ring.Records[i % ring.Size];
        if (record.Event != ETW_EVENT::IpiSend || record.Argument[1] != ULONG(ETW_IPI::Call)) continue;
        asked |= record.Argument[0];
        ++*requests;
    }
    return asked;
}

/// A processor that makes all others forget a page, again and again.
struct FLUSHER {
    volatile bool Stop;
    volatile ULONG Done;
    PVOID Page;
};

void NTAPI FlushWithoutPause(PVOID context) {
    auto& me = *static_cast<FLUSHER*>(context);
    while (!me.Stop) {
        KeFlushSingleTb(me.Page, TRUE);
        me.Done = me.Done + 1;
    }
}

/// What the others have done while this processor flushed `turns` times. The fewest, and the most.
struct SHARES {
    ULONG Least, Most;
};

SHARES SharesDuring(ULONG turns, const FLUSHER* flushers, PVOID page) {
    const nt::DispatchLevelGuard stays;
    ULONG before[MAXIMUM_PROCESSORS];
    for (ULONG i = 1; i < Processors(); i++)
        before[i] = flushers[i].Done;
    for (ULONG i = 0; i < turns; i++)
        KeFlushSingleTb(page, TRUE);
    SHARES shares{~0u, 0};
    for (ULONG i = 1; i < Processors(); i++) {
        const ULONG done = flushers[i].Done - before[i];
        shares = {done < shares.Least ? done : shares.Least, done > shares.Most ? done : shares.Most};
    }
    return shares;
}

} // namespace

// MEM-04, INT-01
GUEST_TEST(ARangeIsForgottenByAllThatRunTheProcess) {
    AllForget([] { KeFlushRangeTb(Address(0), Pages, &Own); });
}

// MEM-04
GUEST_TEST(AListIsForgottenByAllThatRunTheProcess) {
    KTB_FLUSH_LIST list{};
    AllForget([&] {
        for (ULONG page = 0; page < Pages; page++)
            list.Add(Address(page));
        KeFlushMultipleTb(&list, &Own);
    });
    GUEST_EQUAL(0, list.Count);
}

// MEM-04: more pages than a list notes
GUEST_TEST(ALongListForgetsAll) {
    KTB_FLUSH_LIST list{};
    AllForget([&] {
        for (ULONG page = 0; page <= FLUSH_MULTIPLE_MAXIMUM; page++)
            list.Add(Address(Pages + 1 + page));
        KeFlushMultipleTb(&list, &Own);
    });
}

// MEM-04
GUEST_TEST(AWholeProcessIsForgotten) {
    AllForget([] { KeFlushProcessTb(&Own); });
}

// MEM-04, INT-01: a processor that does not run the process is not interrupted, one that does is interrupted once for all pages
GUEST_TEST(OnlyProcessorsOfTheProcessAreInterrupted) {
    AddressSpace space;
    ULONG requests;
    const ULONG last = Processors() - 1;
    if (last != 0) {
        READER reader = {};
        PETHREAD const thread = StartOn(Only(last), last, 12, ReadTwice, &reader);
        GUEST_TRUE(Comes([&] { return reader.Phase == 1; }));
        GUEST_EQUAL(Only(last), AskedDuring([] { KeFlushRangeTb(Address(0), Pages, &Own); }, &requests));
        GUEST_EQUAL(1, requests);
        GUEST_EQUAL(Only(last), AskedDuring([] { KeFlushProcessTb(&Own); }, &requests));
        GUEST_EQUAL(1, requests);
        reader.Phase = 2;
        Join(thread);
    }
    GUEST_EQUAL(0, AskedDuring([] { KeFlushRangeTb(Address(0), Pages, &Own); }, &requests)); // no processor runs it
    KAPC_STATE state;
    KeStackAttachProcess(&Own, &state);
    GUEST_EQUAL(0, AskedDuring([] { KeFlushSingleTb(Address(0), TRUE); }, &requests)); // this one alone
    KeUnstackDetachProcess(&state);
}

// MEM-04, INT-01: a page of system space is everybody's
GUEST_TEST(SystemSpaceIsForgottenByAll) {
    ULONG requests;
    auto* const page = static_cast<UCHAR*>(MmAllocateContiguousPages(1));
    const KAFFINITY others = KeActiveProcessors & ~Only(KeGetCurrentProcessorNumber());
    GUEST_EQUAL(others, AskedDuring([&] { KeFlushRangeTb(page, 1, nullptr); }, &requests));
    GUEST_EQUAL(others, AskedDuring([&] { KeFlushSingleTb(page, TRUE); }, &requests));
    MmFreeContiguousPages(page, 1);
}

// MEM-04, INT-01: processors have the packet in the order in which they ask for it, so each gets its turn among others that never pause
GUEST_TEST(EachProcessorGetsItsTurnAmongOthersThatFlush) {
    constexpr ULONG turns = 100,
                    factor = 4; // between two of ours another processor may come twice, or just miss its turn
    FLUSHER flushers[MAXIMUM_PROCESSORS] = {};
    PETHREAD threads[MAXIMUM_PROCESSORS];
    auto* const page = static_cast<UCHAR*>(MmAllocateContiguousPages(1));
    for (ULONG i = 1; i < Processors(); i++) {
        flushers[i].Page = page;
        threads[i] = StartOn(Only(i), i, 12, FlushWithoutPause, &flushers[i]);
        GUEST_TRUE(Comes([&] { return flushers[i].Done != 0; }));
    }
    const SHARES shares = SharesDuring(turns, flushers, page);
    for (ULONG i = 1; i < Processors(); i++) {
        flushers[i].Stop = true;
        Join(threads[i]);
    }
    MmFreeContiguousPages(page, 1);
    GUEST_TRUE(shares.Least >= turns / factor);
    GUEST_TRUE(shares.Most <= turns * factor);
}
