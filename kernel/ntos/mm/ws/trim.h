// Trimming: a working set gives pages back, those that it has not used for the longest time first.
//
// Once a second a part of each working set's entries is looked at: an accessed bit that is set is cleared and the entry's
// age begins anew, otherwise it grows. While memory is short, the manager goes from working set to working set and takes
// pages away, in passes: each pass takes younger pages than the one before.
// What is decided, and not only done, the policy decides (mm/trimpolicy.h).
//
// Locks: MMSUPPORT::WorkingSetMutex for a working set; LockQueueExpansionLock for the list of all of them and for
// MMSUPPORT::Flags. IRQL: APC_LEVEL, PASSIVE_LEVEL for the manager.
// In the books: "working set management", "balance set manager". PFN-14
#pragma once

#include "mm/trimpolicy.h"
#include "mm/ws/wsl.h"

/// The policy that is installed.
MM_TRIM_POLICY& MiTrimPolicy();

/// Takes pages away from a working set: looks at each entry once at most, from where the call before ended.
/// @returns how many went. @irql APC_LEVEL, the WorkingSetMutex held
ULONG MiTrimWorkingSet(MMSUPPORT* workingSet, ULONG pages, ULONG pass);

/// Looks at entries and lets them age, from where the call before ended; estimates Claim by them.
/// @param entries valid ones to look at, each once at most. @irql APC_LEVEL, the WorkingSetMutex held
void MiAgeWorkingSet(MMSUPPORT* workingSet, ULONG entries);

/// Empties the list of working sets. @irql PASSIVE_LEVEL, boot
void MiInitializeWorkingSetManager();
/// Puts a working set on the list, or takes it off; the latter waits while the manager is at work on it.
/// @irql PASSIVE_LEVEL
void MiLinkWorkingSet(MMSUPPORT* workingSet);
void MiUnlinkWorkingSet(MMSUPPORT* workingSet);

/// One run of the working set manager: lets all working sets age, and trims while memory is short. One thread at a time.
/// @param age whether a second has passed. @param ask tells how much memory there is, now. @returns pages that were taken away.
/// @irql PASSIVE_LEVEL
ULONG MiManageWorkingSets(bool age, MM_MEMORY_STATE (*ask)());
