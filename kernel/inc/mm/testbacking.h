// A backing for tests: it stands in front of another one, takes its time, and fails where the test says.
//
// It behaves like a disk. One transfer is at the device at a time, the others wait in a device queue, and the next is the one
// with the next higher offset, or else the lowest: the device sweeps in one direction. A transfer takes Latency of the
// machine's own time (a timer's DPC ends it), so every run is the same. Completion routines are called at DISPATCH_LEVEL.
//
// The rules may be changed at any time; a transfer obeys those that it finds when it ends. Its Start routine never calls a
// completion routine.
// In the books: "device queue objects", "DPC objects". PFN-15
#pragma once

#include "ke/dpc.h"
#include "mm/backing.h"

constexpr ULONG MM_NO_FAILING_PAGE = ~0u;

/// A backing that behaves like a disk, for tests.
/// shared: the rules are the test's, each read once; Current, Inner and SweepPage belong to the transfer at the device
struct MM_TEST_BACKING {
    MM_BACKING Backing;
    MM_BACKING* Target; ///< where the pages really are

    // The rules.
    volatile ULONG Latency;     ///< 100 ns units; 0: as soon as DPCs run. A timer ends at a tick of the clock
    volatile ULONG FailingPage; ///< a transfer ends in front of this page of the backing, MM_NO_FAILING_PAGE: of none
    volatile NTSTATUS FailingStatus; ///< with this status
    volatile BOOLEAN FailsWrites;    ///< no write writes anything; each ends with FailingStatus
    volatile ULONG LongestRead;      ///< a read gives so many bytes at most, and ends well; 0: all

    // What was asked of it.
    volatile LONG Reads;
    volatile LONG Writes;
    volatile LONG Failures;

    KDEVICE_QUEUE Queue;
    KTIMER Timer;
    KDPC Dpc;
    MM_TRANSFER* Current; ///< at the device; nullptr: none
    MM_TRANSFER Inner;    ///< what Target does for it
    ULONG SweepPage;      ///< the page behind the last transfer
};

extern "C" {
/// Makes a test backing without latency or failures in front of `Target`. One reference is the caller's.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmInitializeTestBacking(MM_TEST_BACKING* TestBacking, MM_BACKING* Target);
}
