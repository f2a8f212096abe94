// A backing for tests: a disk's queue and a disk's time, and failures where a test wants them.
//
// The device queue lets one transfer at a time to the device. Its timer's DPC carries the transfer out on the target; the
// target's completion starts the next transfer and then ends this one. So after the last transfer's completion routine
// has been called nothing touches the backing any more.
// In the books: "device queue objects", "DPC objects". PFN-15
#include "mm/testbacking.h"
#include "nt/atomic.h"
#include "rtl/memory.h"

namespace {

MM_TEST_BACKING& Of(MM_BACKING* backing) { return *CONTAINING_RECORD(backing, MM_TEST_BACKING, Backing); }

ULONG PageOf(const MM_TRANSFER& transfer) { return ULONG(transfer.Offset / PAGE_SIZE); }

/// The device begins with a transfer. @irql DISPATCH_LEVEL
void Begin(MM_TEST_BACKING& backing, MM_TRANSFER* transfer) {
    backing.Current = transfer;
    backing.SweepPage = PageOf(*transfer) + transfer->Pages;
    const ULONG latency = backing.Latency;
    if (latency == 0) {
        KeInsertQueueDpc(&backing.Dpc, nullptr, nullptr);
        return;
    }
    LARGE_INTEGER due;
    due.QuadPart = -LONGLONG(latency);
    KeSetTimer(&backing.Timer, due, &backing.Dpc);
}

/// The device has done its part of the current transfer: how much of it came about?
void End(MM_TEST_BACKING& backing, NTSTATUS status, ULONG information) REQUIRES_(AtDispatchLevel) {
    MM_TRANSFER* const ended = backing.Current;
    backing.Current = nullptr;
    InterlockedIncrement(ended->Write ? &backing.Writes : &backing.Reads);
    if (!NT_SUCCESS(status)) InterlockedIncrement(&backing.Failures);
    if (KDEVICE_QUEUE_ENTRY* const next = KeRemoveByKeyDeviceQueue(&backing.Queue, backing.SweepPage))
        Begin(backing, CONTAINING_RECORD(next, MM_TRANSFER, QueueEntry));
    MmCompleteTransfer(ended, status, information);
}

/// The target has ended its part.
void NTAPI EndInner(MM_TRANSFER* Transfer) {
    auto& backing = *static_cast<MM_TEST_BACKING*>(Transfer->Context);
    const bool cut = NT_SUCCESS(Transfer->Status) && Transfer->Pages < backing.Current->Pages;
    ULONG information = Transfer->Information;
    const ULONG longest = backing.LongestRead;
    if (!Transfer->Write && longest != 0 && information > longest) information = longest;
    nt::DispatchLevelGuard level;
    End(backing, cut ? NTSTATUS(backing.FailingStatus) : Transfer->Status, information);
}

/// The time is over: the target carries out what is in front of the failing page.
void NTAPI DeferredTransfer(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    auto& backing = *static_cast<MM_TEST_BACKING*>(DeferredContext);
    const ULONG first = PageOf(*backing.Current), failing = backing.FailingPage;
    backing.Inner = *backing.Current;
    backing.Inner.Completion = EndInner;
    backing.Inner.Context = &backing;
    if (failing >= first && failing - first < backing.Inner.Pages) backing.Inner.Pages = failing - first;
    if (backing.Inner.Write && backing.FailsWrites) backing.Inner.Pages = 0;
    nt::AssumeDispatchLevel(); // a DPC routine runs there
    if (backing.Inner.Pages == 0) return End(backing, backing.FailingStatus, 0);
    backing.Target->Calls->Start(backing.Target, &backing.Inner);
}

ULONGLONG NTAPI Size(MM_BACKING* Backing) {
    MM_BACKING* const target = Of(Backing).Target;
    return target->Calls->Size(target);
}

void NTAPI Start(MM_BACKING* Backing, MM_TRANSFER* Transfer) {
    nt::DispatchLevelGuard level;
    MM_TEST_BACKING& backing = Of(Backing);
    if (!KeInsertByKeyDeviceQueue(&backing.Queue, &Transfer->QueueEntry, PageOf(*Transfer))) Begin(backing, Transfer);
}

NTSTATUS NTAPI Extend(MM_BACKING* Backing, ULONGLONG NewSize) {
    MM_BACKING* const target = Of(Backing).Target;
    return target->Calls->Extend ? target->Calls->Extend(target, NewSize) : STATUS_NOT_SUPPORTED;
}

constexpr MM_BACKING_CALLS Calls = {Size, Start, Extend};

} // namespace

extern "C" void NTAPI MmInitializeTestBacking(MM_TEST_BACKING* TestBacking, MM_BACKING* Target) {
    RtlZeroMemory(TestBacking, sizeof *TestBacking);
    TestBacking->Backing = {&Calls, 1, nullptr, {}};
    TestBacking->Target = Target;
    TestBacking->FailingPage = MM_NO_FAILING_PAGE;
    KeInitializeDeviceQueue(&TestBacking->Queue);
    KeInitializeTimer(&TestBacking->Timer);
    KeInitializeDpc(&TestBacking->Dpc, DeferredTransfer, TestBacking);
}
