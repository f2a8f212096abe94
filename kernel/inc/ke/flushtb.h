// Translations of many pages, of one address space: who must forget what, with as few interrupts as possible.
//
// A page of system space may be known to every processor. A page of a process's user half is known only to processors that run
// in that process: KPROCESS::ActiveProcessors. A processor sets its bit there before it loads the page directory, and the loading
// forgets what was known before. So a processor whose bit is not set when the flush begins meets the new entries.
//
//     entry changed --> ActiveProcessors read            a packet to those that are in it, once for all pages
//     bit set --> page directory loaded --> entry read    whoever comes later reads the new entry
//
// Few pages are forgotten one by one; many by forgetting all, which is cheaper for both sides.
// Locks: none; callers may hold spin locks. IRQL: < IPI_LEVEL.
// In the books: "translation look-aside buffer: flushing on multiprocessor systems". MEM-04, INT-01
#pragma once

#include "nt/types.h"

struct KPROCESS;

constexpr ULONG FLUSH_MULTIPLE_MAXIMUM = 32; ///< more pages: all translations are forgotten

/// Pages whose entries were changed, gathered to be flushed at once.
/// shared: no, one thread's
struct KTB_FLUSH_LIST {
    ULONG Count; ///< pages that were added; beyond FLUSH_MULTIPLE_MAXIMUM they are not noted
    PVOID Pages[FLUSH_MULTIPLE_MAXIMUM];

    void Add(PVOID page) {
        if (Count < FLUSH_MULTIPLE_MAXIMUM) Pages[Count] = page;
        Count++;
    }
};

extern "C" {
/// Forgets the pages of a list, and empties it. @param Process whose user half they are in; nullptr: system space
/// @irql < IPI_LEVEL
NTKERNELAPI void NTAPI KeFlushMultipleTb(KTB_FLUSH_LIST* List, const KPROCESS* Process);
/// Forgets pages in a row. @param Process as above. @irql < IPI_LEVEL
NTKERNELAPI void NTAPI KeFlushRangeTb(PVOID Virtual, ULONG Pages, const KPROCESS* Process);
/// Forgets all of a process's user half. @irql < IPI_LEVEL
NTKERNELAPI void NTAPI KeFlushProcessTb(const KPROCESS* Process);
}
