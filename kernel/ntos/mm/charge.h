// Commit charge: how many pages the system has promised, and to whom.
//
// A page that is committed has a place somewhere: in memory or on a page file. So the pages that are promised
// (MmTotalCommittedPages) never exceed the ones that exist (MmTotalCommitLimit). Who promises pages charges them first,
// and gives the charge back when the pages go. A process's share may have a limit of its own (CommitChargeLimit).
// Invariant: 0 <= MmTotalCommittedPages <= MmTotalCommitLimit; MmPeakCommitment is the highest value that it has had. The
// same holds for the three fields of a process. Locks: none, each counter changes by interlocked operations, so callers
// on several processors never promise one page twice. IRQL: any.
// In the books: "commit charge and the system commit limit". POL-06, PFN-15
#pragma once

#include "mm/addressspace.h"
#include "ntstatus.h"

constexpr ULONG MM_MAXIMUM_CHARGE = 0x3FFFFFFF; ///< pages; more than all page files hold

// In pages. shared: interlocked
extern volatile LONG MmTotalCommitLimit;
extern volatile LONG MmTotalCommittedPages;
extern volatile LONG MmPeakCommitment;

/// Promises pages. @param space whose they are; nullptr: the system's own. @returns STATUS_SUCCESS;
/// STATUS_COMMITMENT_LIMIT: there are not so many; STATUS_PAGEFILE_QUOTA_EXCEEDED: the process may not have so many. When it
/// has failed nothing is charged, and no peak has changed. (While it fails for the system's limit, the process's limit
/// counts its pages.)
NTSTATUS MiChargeCommitment(ULONG pages, MM_ADDRESS_SPACE* space);

/// Takes a promise of MiChargeCommitment back, all or a part of it.
void MiReturnCommitment(ULONG pages, MM_ADDRESS_SPACE* space);

/// There are more pages now: memory, or a page file that was made or has grown.
void MiExtendCommitLimit(ULONG pages);
