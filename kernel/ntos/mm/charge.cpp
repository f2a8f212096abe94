// Charging and returning commitment. What each routine promises: charge.h.
//
// Limit and charge are two words. The limit only grows: a caller that has read it before promises too few pages, never
// too many.
// In the books: "commit charge and the system commit limit". POL-06, PFN-15
#include "mm/charge.h"
#include "ex/inject.h"
#include "nt/assert.h"
#include "nt/atomic.h"

constinit volatile LONG MmTotalCommitLimit = 0;
constinit volatile LONG MmTotalCommittedPages = 0;
constinit volatile LONG MmPeakCommitment = 0;

namespace {

/// Adds to a counter unless it would exceed its limit. @returns the new value, or -1.
LONG Charge(volatile LONG* charged, LONG pages, LONG limit) {
    LONG seen = ReadAcquire(charged);
    while (seen <= limit && pages <= limit - seen) {
        const LONG found = InterlockedCompareExchange(charged, seen + pages, seen);
        if (found == seen) return seen + pages;
        seen = found;
    }
    return -1;
}

void Return(volatile LONG* charged, LONG pages) {
    [[maybe_unused]] const LONG before = InterlockedExchangeAdd(charged, -pages);
    NT_ASSERT(before >= pages); // more is returned than was charged
}

/// Raises a peak to a value that the counter has had.
void RaisePeak(volatile LONG* peak, LONG value) {
    for (LONG seen = ReadAcquire(peak); seen < value;) {
        const LONG found = InterlockedCompareExchange(peak, value, seen);
        if (found == seen) return;
        seen = found;
    }
}

} // namespace

NTSTATUS MiChargeCommitment(ULONG pages, MM_ADDRESS_SPACE* space) {
    if (pages > MM_MAXIMUM_CHARGE || ExInjectFailure(EX_ALLOCATION::Commitment)) return STATUS_COMMITMENT_LIMIT;
    LONG own = 0;
    if (space) {
        const ULONG limit = space->CommitChargeLimit ? space->CommitChargeLimit : MM_MAXIMUM_CHARGE;
        own = Charge(&space->CommitCharge, LONG(pages), LONG(limit));
        if (own < 0) return STATUS_PAGEFILE_QUOTA_EXCEEDED;
    }
    const LONG total = Charge(&MmTotalCommittedPages, LONG(pages), ReadAcquire(&MmTotalCommitLimit));
    if (total < 0) {
        if (space) Return(&space->CommitCharge, LONG(pages));
        return STATUS_COMMITMENT_LIMIT;
    }
    RaisePeak(&MmPeakCommitment, total);
    if (space) RaisePeak(&space->CommitChargePeak, own);
    return STATUS_SUCCESS;
}

void MiReturnCommitment(ULONG pages, MM_ADDRESS_SPACE* space) {
    Return(&MmTotalCommittedPages, LONG(pages));
    if (space) Return(&space->CommitCharge, LONG(pages));
}

void MiExtendCommitLimit(ULONG pages) {
    NT_ASSERT(pages <= MM_MAXIMUM_CHARGE);
    (void)InterlockedExchangeAdd(&MmTotalCommitLimit, LONG(pages));
}

extern "C" void NTAPI MmQueryCommitment(ULONG* Committed, ULONG* Limit, ULONG* Peak) {
    *Committed = ULONG(ReadAcquire(&MmTotalCommittedPages));
    *Limit = ULONG(ReadAcquire(&MmTotalCommitLimit));
    *Peak = ULONG(ReadAcquire(&MmPeakCommitment));
}
