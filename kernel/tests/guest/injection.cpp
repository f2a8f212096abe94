// Allocations that fail, one after the other: what uses the pool says so, and leaves nothing behind.
// machine: flavour=checked
#include "ex.h"
#include "mm.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");
constexpr LONG MostSites = 500;

POOL_INJECTION& Injection() { return *static_cast<POOL_INJECTION*>(KdDebuggerDataBlock.ExpPoolInjection); }

/// The bytes of all tags, in both pools.
LONG BytesInUse() {
    LONG bytes = 0;
    for (const POOL_TRACKER_TABLE& row : PoolTrackTable) {
        POOL_TRACKER_TABLE counts;
        if (row.Key == 0) continue;
        ExQueryPoolTag(ULONG(row.Key), &counts);
        bytes += counts.NonPagedBytes + counts.PagedBytes;
    }
    return bytes;
}

/// Threads that have ended give their memory back a little later.
bool IsBackAt(LONG bytes) {
    for (ULONG tick = 0; tick < 50; tick++) {
        if (BytesInUse() == bytes) return true;
        LARGE_INTEGER delay = KeRelativeMilliseconds(10);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    }
    return false;
}

void NTAPI Nothing(PVOID) {}

/// Threads, strings, resources, look-aside lists, blocks of all sizes: each may fail, and then gives back what it had.
void Work() {
    PETHREAD thread;
    if (NT_SUCCESS(PsStartSystemThread(&thread, "Injected", 9, Nothing, nullptr))) {
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(thread);
    }
    HANDLE handle;
    if (NT_SUCCESS(PsCreateSystemThread(&handle, 0, nullptr, nullptr, nullptr, Nothing, nullptr)))
        (void)ZwClose(handle);
    UNICODE_STRING unicode;
    ANSI_STRING ansi;
    RtlInitAnsiString(&ansi, "a string that takes pool");
    if (NT_SUCCESS(RtlAnsiStringToUnicodeString(&unicode, &ansi, TRUE))) RtlFreeUnicodeString(&unicode);
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, nullptr, nullptr, 0, 200, TestTag, 0);
    if (PVOID const block = ExAllocateFromNPagedLookasideList(&list)) ExFreeToNPagedLookasideList(&list, block);
    ExDeleteNPagedLookasideList(&list);
    for (SIZE_T bytes = 8; bytes < 3 * PAGE_SIZE; bytes *= 3) {
        if (PVOID const block = ExAllocatePoolWithTag(PagedPool, bytes, TestTag)) ExFreePoolWithTag(block, TestTag);
    }
}

} // namespace

// POL-05, ERR-10
GUEST_TEST(TheAllocationThatIsAskedForFails) {
    Injection().FailAfter = 3;
    PVOID blocks[4];
    for (PVOID& block : blocks)
        block = ExAllocatePoolWithTag(NonPagedPool, 40, TestTag);
    GUEST_TRUE(blocks[0] && blocks[1] && !blocks[2] && blocks[3]);
    GUEST_TRUE(Injection().Caller != 0);
    for (PVOID block : blocks) {
        if (block) ExFreePoolWithTag(block, TestTag);
    }
}

// POL-05, ERR-10
GUEST_TEST(EverySiteOfAWorkMayFail) {
    Work();
    LARGE_INTEGER delay = KeRelativeMilliseconds(100); // threads that have ended are gone then
    (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    const LONG before = BytesInUse();
    LONG sites = 0;
    for (LONG site = 1; site < MostSites; site++) {
        const LONG failed = Injection().Failed;
        Injection().FailAfter = site;
        Work();
        Injection().FailAfter = 0;
        GUEST_TRUE(IsBackAt(before));
        if (Injection().Failed == failed) break;
        sites = site;
    }
    GUEST_TRUE(sites >= 8 && sites < MostSites - 1);
    GUEST_TRUE(ExCheckPools() && MmCheckPools());
}
