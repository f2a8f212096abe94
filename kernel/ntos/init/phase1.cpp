// Phase 1: the rest of initialization, in a system thread with interrupts on.
//
// Ends as the kernel's last resident: under /TEST it calls KdTestPoint(Ready) for ever, for the host that drives the
// machine. Otherwise it starts the session manager and waits for its end, which is a bugcheck; without a session manager it is the
// monitor's prompt.
// In the books: "startup: kernel initialization, phase 1". BOO-04, HAL-07
#include "ex.h"
#include "hal.h"
#include "init/init.h"
#include "io.h"
#include "io/console.h"
#include "io/consolectl.h"
#include "kd.h"
#include "ke.h"
#include "ke/options.h"
#include "ke/pagedcode.h"
#include "ldr.h"
#include "ldr/bootfiles.h"
#include "mm.h"
#include "mm/pagefile.h"
#include "mm/processspace.h"
#include "mm/threads.h"
#include "ob.h"
#include "ps.h"
#include "rtl.h"

namespace {

/// Stays in memory: memory may be short when the system needs one more thread.
NTSTATUS NTAPI CreateThread(PCSTR name, KPRIORITY priority, PKSTART_ROUTINE startRoutine, PVOID startContext) {
    return PsStartSystemThread(nullptr, name, priority, startRoutine, startContext);
}

} // namespace

// What runs once need not stay.
#pragma code_seg("PAGE")
namespace {

constexpr ULONG MEGABYTE = 1u << 20;
constexpr KPRIORITY RESIDENT_PRIORITY = 8;

void Require(bool done, ULONG step) {
    if (!done) KeBugCheckEx(PHASE1_INITIALIZATION_FAILED, step, 0, 0, 0);
}

void SetSystemTimeFromClock() {
    PAGED_CODE();
    TIME_FIELDS fields;
    LARGE_INTEGER now, before;
    if (!HalQueryRealTimeClock(&fields) || !RtlTimeFieldsToTime(&fields, &now)) {
        DbgPrint("The real-time clock is not set: system time begins in 1601.\n");
        return;
    }
    KeSetSystemTime(&now, &before);
}

/// One a processor. From here on every threaded DPC runs in its thread. Where another processor may start it, it is waited
/// for, so that its start does not go on beside the drivers'; a single processor comes to it when we make room. By
/// spinning, because lab 3 takes events away, and its starter boots too.
void StartDpcThreads() {
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        const auto context = reinterpret_cast<PVOID>(ULONG_PTR(number));
        Require(NT_SUCCESS(PsStartSystemThread(nullptr, "DpcThread", HIGH_PRIORITY, KiExecuteDpc, context)), 4);
        while (KeNumberProcessors > 1 && !KiProcessorBlock[number]->ThreadDpcEnable)
            KeStallExecutionProcessor(10);
    }
}

/// The system library, if the boot list names one.
void StartSystemDll() {
    PAGED_CODE();
    UNICODE_STRING name;
    MM_BACKING* file;
    RtlInitUnicodeString(&name, u"ntdll.dll");
    if (!NT_SUCCESS(LdrOpenBootFile(&name, &file))) return;
    Require(NT_SUCCESS(PsInitializeSystemDll(file)), 8);
    MmDereferenceBacking(file);
}

/// Worker threads, the one-second thread with its first duty, and the zero page thread.
void StartSystemThreads() {
    PAGED_CODE();
    static constexpr EX_THREAD_SOURCE threads = {CreateThread};
    static constinit EX_ONE_SECOND_DUTY balance = {KeBalanceSetManager, nullptr, {}};
    Require(ExInitializeThreads(&threads), 3);
    ExRegisterOneSecondDuty(&balance);
    // A host that tests the kernel counts threads and idle time; it makes zeroed pages when it asks for them (MiZeroFreePages).
    if (KeLoaderOptions.Test) return;
    // It begins above the resident thread, so it has taken its own priority before there is a prompt.
    Require(NT_SUCCESS(PsStartSystemThread(nullptr, "ZeroPage", LOW_REALTIME_PRIORITY, MmZeroPageThread, nullptr)), 5);
}

/// Pages leave memory from now on. A machine under test whose pages have no page file is as it always was: its threads are counted.
void StartPaging() {
    static constexpr EX_THREAD_SOURCE threads = {CreateThread};
    if (KeLoaderOptions.Test && MmNumberOfPagingFiles == 0) return;
    Require(MmStartPaging(&threads), 6);
}

void PrintBanner(const LOADER_PARAMETER_BLOCK& block) {
    PAGED_CODE();
    const KPRCB& prcb = *KiProcessorBlock[0]; // the processors are alike
    const ULONG processors = ULONG(KeNumberProcessors);
    LARGE_INTEGER now;
    TIME_FIELDS time;
    KeQuerySystemTime(&now);
    RtlTimeToTimeFields(&now, &time);
    DbgPrint("Mica, %s build, %u processor%s, %u MB, %s\n", MICA_BUILD, processors, processors == 1 ? "" : "s",
             ULONG((block.TotalMemory + MEGABYTE - 1) / MEGABYTE), HalQueryControllerName());
    DbgPrint("%s%s%u MHz; %04d-%02d-%02d %02d:%02d:%02d UTC\n", prcb.CpuBrand, prcb.CpuBrand[0] ? ", " : "", prcb.MHz,
             time.Year, time.Month, time.Day, time.Hour, time.Minute, time.Second);
}

} // namespace
#pragma code_seg()

namespace {

/// Starts the session manager, if the boot list has one. @returns its process, referenced; nullptr: there is none
EPROCESS* StartSessionManager() {
    UNICODE_STRING name;
    HANDLE handle;
    PVOID process;
    RtlInitUnicodeString(&name, u"smss.exe");
    if (KeLoaderOptions.Test) return nullptr; // the host that tests the kernel starts programs itself
    const NTSTATUS status = PsCreateInitialUserProcess(&name, &name, &handle);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) return nullptr;
    Require(NT_SUCCESS(status), 9);
    Require(NT_SUCCESS(ObReferenceObjectByHandle(handle, 0, PsProcessType, KernelMode, &process, nullptr)), 9);
    (void)ZwClose(handle);
    return static_cast<EPROCESS*>(process);
}

/// The session manager has the console; a key calls the monitor. Without the session manager no program would be started any more.
[[noreturn]] void Watch(EPROCESS* sessionManager) {
    while (IoWaitForMonitorKey(sessionManager)) {
        KdEnterMonitor(nullptr);
        IoTypeCharacter(CONSOLE_REPRINT_KEY); // what was at the terminal before is shown again
    }
    DbgPrint("%s has ended with %08x; nothing would start programs any more\n", sessionManager->ImageFileName,
             ULONG(sessionManager->ExitStatus));
    KeBugCheckEx(CRITICAL_PROCESS_DIED, reinterpret_cast<ULONG_PTR>(sessionManager), 0,
                 ULONG(sessionManager->ExitStatus), 0);
}

[[noreturn]] void Reside() {
    (void)KeSetPriorityThread(KeGetCurrentThread(), RESIDENT_PRIORITY);
    if (KeLoaderOptions.Test) (void)KeSetAffinityThread(KeGetCurrentThread(), 1); // the host finds it where it booted
    EPROCESS* const sessionManager = StartSessionManager();
    if (sessionManager) Watch(sessionManager);
    for (;;) {
        if (KeLoaderOptions.Test) {
            KdTestPoint(KD_STAGE::Ready);
        } else {
            KdEnterMonitor(nullptr);
        }
    }
}

} // namespace

extern "C" void NTAPI Phase1Initialization(PVOID StartContext) {
    auto* const block = static_cast<LOADER_PARAMETER_BLOCK*>(StartContext);
    Require(HalInitSystem(1, block), 1);
    SetSystemTimeFromClock();
    if (KeLoaderOptions.Test) KdTestPoint(KD_STAGE::Alone);
    KeStartAllProcessors();
    Require(PsInitSystem(1), 2);
    Require(ObInitSystem(1), 2);
    Require(MmInitSystemProcess(PsInitialSystemProcess), 5);
    StartSystemThreads();
    StartDpcThreads();
    Require(IoInitSystem() && IoInitConsole() && LdrInitializeBootFiles(block), 7);
    StartSystemDll();
    PrintBanner(*block);
    LdrCallBootDrivers();
    StartPaging();
    Reside();
}
