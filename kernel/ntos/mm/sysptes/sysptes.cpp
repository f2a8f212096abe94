// Free runs of system PTEs: found by the first that fits, kept in the order of their addresses, joined when they meet.
#include "mm/sysptes/sysptes.h"
#include "ke/bugcheck.h"

namespace {

/// Where a free run is linked: the head's FirstFree, or the first entry of the run before.
class Runs {
public:
    explicit Runs(MI_SYSTEM_PTES& region) : m_region(region) {}

    ULONG Next(ULONG run) const { return run == Head ? m_region.FirstFree : m_region.Base[run].List.NextEntry; }
    void SetNext(ULONG run, ULONG next) {
        if (run == Head) {
            m_region.FirstFree = next;
        } else {
            m_region.Base[run].List.NextEntry = next;
        }
    }
    ULONG Length(ULONG run) const {
        return m_region.Base[run].List.OneEntry ? 1 : m_region.Base[run + 1].List.NextEntry;
    }
    /// Makes entries that are 0 behind the second one a free run.
    void Describe(ULONG run, ULONG length, ULONG next) {
        m_region.Base[run].Long = 0;
        m_region.Base[run].List.NextEntry = next;
        m_region.Base[run].List.OneEntry = length == 1;
        if (length == 1) return;
        m_region.Base[run + 1].Long = 0;
        m_region.Base[run + 1].List.NextEntry = length;
    }
    /// Takes the description away, and with it the run.
    void Forget(ULONG run) {
        const bool one = m_region.Base[run].List.OneEntry;
        m_region.Base[run].Long = 0;
        if (!one) m_region.Base[run + 1].Long = 0;
    }

    static constexpr ULONG Head = MM_EMPTY_PTE_LIST; ///< stands before the first run

private:
    MI_SYSTEM_PTES& m_region;
};

// LAB(2.1) begin
constexpr ULONG RoundUp(ULONG value, ULONG alignment) { return (value + alignment - 1) & ~(alignment - 1); }

/// Index of the lowest page from `from` on whose page number is a multiple of `alignment`.
ULONG AlignIndex(const MI_SYSTEM_PTES& region, ULONG from, ULONG alignment) {
    // An entry's own address, divided by its size, has the same lower bits as the number of the page that it maps.
    const ULONG base = ULONG(reinterpret_cast<ULONG_PTR>(region.Base) / sizeof(MMPTE));
    return RoundUp(base + from, alignment) - base;
}
// LAB(2.1) end

} // namespace

void MiInitializeSystemPtes(MI_SYSTEM_PTES* region, MMPTE* base, ULONG count) {
    *region = {base, count, 0, count};
    for (ULONG i = 0; i < count; i++)
        base[i].Long = 0;
    Runs(*region).Describe(0, count, MM_EMPTY_PTE_LIST);
}

MMPTE* MiReserveSystemPtes(MI_SYSTEM_PTES* region, ULONG count, ULONG alignment) {
    // LAB(2.1) begin
    Runs runs(*region);
    for (ULONG before = Runs::Head, run = runs.Next(before); run != MM_EMPTY_PTE_LIST;
         before = run, run = runs.Next(run)) {
        const ULONG end = run + runs.Length(run);
        const ULONG first = AlignIndex(*region, run, alignment);
        if (first >= end || end - first < count) continue;
        ULONG next = runs.Next(run);
        runs.Forget(run);
        if (first + count < end) {
            runs.Describe(first + count, end - first - count, next);
            next = first + count;
        }
        if (run < first) {
            runs.Describe(run, first - run, next);
            next = run;
        }
        runs.SetNext(before, next);
        region->TotalFree -= count;
        return &region->Base[first];
    }
    return nullptr;
    // LAB(2.1) else
    //| LAB_NOT_IMPLEMENTED("2.1");
    // LAB(2.1) end
}

void MiReleaseSystemPtes(MI_SYSTEM_PTES* region, MMPTE* first, ULONG count) {
    // LAB(2.1) begin
    Runs runs(*region);
    const ULONG begin = ULONG(first - region->Base), end = begin + count;
    const auto misuse = [&](ULONG why) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, why, reinterpret_cast<ULONG_PTR>(first), count, 0);
    };
    if (first < region->Base || count == 0 || count > region->Count || begin > region->Count - count) misuse(1);

    ULONG before = Runs::Head, next = runs.Next(before);
    while (next != MM_EMPTY_PTE_LIST && next < begin) {
        before = next;
        next = runs.Next(next);
    }
    const bool joinsBefore = before != Runs::Head && before + runs.Length(before) == begin;
    if (before != Runs::Head && before + runs.Length(before) > begin) misuse(2); // it overlaps a free run
    if (next != MM_EMPTY_PTE_LIST && next < end) misuse(2);

    for (ULONG i = begin; i < end; i++)
        region->Base[i].Long = 0;
    ULONG run = begin, length = count;
    if (next == end) {
        length += runs.Length(next);
        const ULONG behind = runs.Next(next);
        runs.Forget(next);
        next = behind;
    }
    if (joinsBefore) {
        run = before;
        length += begin - before;
        runs.Forget(before);
        runs.Describe(run, length, next); // whatever leads to `before` leads to the joined run
    } else {
        runs.Describe(run, length, next);
        runs.SetNext(before, run);
    }
    region->TotalFree += count;
    // LAB(2.1) else
    //| LAB_NOT_IMPLEMENTED("2.1");
    // LAB(2.1) end
}

bool MiCheckSystemPtes(const MI_SYSTEM_PTES* region) {
    MI_SYSTEM_PTES copy = *region;
    Runs runs(copy);
    ULONG free = 0, end = 0;
    for (ULONG run = runs.Next(Runs::Head); run != MM_EMPTY_PTE_LIST; run = runs.Next(run)) {
        if (run >= region->Count || (free != 0 && run <= end))
            return false; // out of order, or it touches the one before
        const ULONG length = runs.Length(run);
        if (length == 0 || length > region->Count - run) return false;
        for (ULONG i = run; i < run + length; i++) {
            if (region->Base[i].Hard.Valid || (i > run + 1 && region->Base[i].Long != 0)) return false;
        }
        free += length;
        end = run + length;
    }
    return free == region->TotalFree;
}
