// Checks of exercise 2.1: system PTEs, in a region of twelve entries. The page-table walk needs Mica's processor: make grade tests it.
//
// of: kernel/ntos/mm/sysptes/sysptes.cpp
#include "check.h"

#include "mm/sysptes/sysptes.h"

// ---- a region -------------------------------------------------------------------------------------------------------

alignas(PAGE_SIZE) static MMPTE Entries[12];
static MI_SYSTEM_PTES Region;

/// A region: all of it is free.
static void Make() { MiInitializeSystemPtes(&Region, Entries, 12); }

/// Takes a run and uses it, as its owner would. @returns the index of its first entry; 99: there is no room.
static ULONG Take(ULONG count, ULONG alignment = 1) {
    MMPTE* const first = MiReserveSystemPtes(&Region, count, alignment);
    if (!first) return 99;
    for (ULONG i = 0; i < count; i++) {
        Expect(0, first[i].Long, "an entry that is handed out", "They are 0.");
        first[i].Long = 0x5001; // valid
    }
    return ULONG(first - Entries);
}
static void Give(ULONG first, ULONG count) { MiReleaseSystemPtes(&Region, &Entries[first], count); }

/// The free runs as the links lead to them.
static check::Text Free() {
    check::Text text;
    ULONG runs = 0;
    for (ULONG run = Region.FirstFree; run < 12 && runs < 12; run = Entries[run].List.NextEntry, runs++) {
        const ULONG length = Entries[run].List.OneEntry ? 1 : Entries[run + 1].List.NextEntry;
        text.Add("%s%u-%u", runs ? " " : "", run, run + length - 1);
    }
    return text;
}

// ---- the checks -----------------------------------------------------------------------------------------------------

CHECK("entries come from the lowest run that has room") {
    Make();
    Expect(0, DO(Take(3)), "the first entry", "The lowest free run that has room gives the entries.");
    Expect(3, DO(Take(2)), "the first entry", "The lowest free run that has room gives the entries.");
    Expect("5-11", Free(), "free runs", "What is left is free.");
    Expect(7, Region.TotalFree, "TotalFree", "TotalFree is the number of free entries.");
}

CHECK("a run that comes back stands in its place") {
    Make();
    DO(Take(3));
    DO(Take(2));
    DO(Give(0, 3));
    Expect("0-2 5-11", Free(), "free runs", "Free runs are linked in the order of their addresses.");
    Expect(5, DO(Take(4)), "the first entry", "A run that is too short is passed over.");
    Expect("0-2 9-11", Free(), "free runs", "What is left is free.");
}

CHECK("neighbours become one run") {
    Make();
    DO(Take(6));
    DO(Give(0, 2));
    DO(Give(2, 2));
    Expect("0-3 6-11", Free(), "free runs", "Between two free runs is at least one entry in use.");
}

CHECK("a run begins on a multiple of pages") {
    Make();
    DO(Take(1));
    Expect(4, DO(Take(2, 4)), "the first entry", "The lowest entries whose address is a multiple.");
    Expect("1-3 6-11", Free(), "free runs", "What is left before and behind them is free.");
}

CHECK("where there is no room nothing changes") {
    Make();
    DO(Take(8));
    Expect(99, DO(Take(5)), "the answer (99: nullptr)", "If no run has room the answer is nullptr.");
    Expect("8-11", Free(), "free runs", "Nothing has changed.");
}
