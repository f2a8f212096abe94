// KiSystemStartup: from the loader's jump to the idle loop. Phase 0.
//
// The loader has set up paging and a boot stack, nothing else. Each step below needs those before it: the processor's
// control region first (everything uses fs), then the HAL's console, then memory, then what memory makes possible.
// From HalInitializeProcessor on the IRQL is DISPATCH_LEVEL and interrupts are off; the idle loop, which the boot stack
// becomes, turns them on.
// In the books: "startup: kernel initialization, phase 0". BOO-04, ARC-02
#include "etw.h"
#include "ex.h"
#include "hal.h"
#include "init/init.h"
#include "kd.h"
#include "ke.h"
#include "ke/options.h"
#include "ldr.h"
#include "mm.h"
#include "ntimage.h"
#include "ob.h"
#include "ps.h"
#include "rtl.h"

namespace {

constexpr ULONG PHASE1_PRIORITY = 31; ///< nothing shall run before it is done

void Require(bool done, ULONG step) {
    if (!done) KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, step, 0, 0, 0);
}

/// The first processor's idle thread: the code that boots becomes it.
ETHREAD IdleThread;

void BecomeIdleThread(KPRCB* prcb, const LOADER_PARAMETER_BLOCK& block) {
    IdleThread.ThreadsProcess = PsIdleProcess;
    (void)RtlStringCbPrintf(IdleThread.ThreadName, sizeof IdleThread.ThreadName, "Idle"); // a constant that fits
    KiInitializeIdleThread(prcb, &IdleThread.Tcb, &PsIdleProcess->Pcb, reinterpret_cast<PVOID>(block.KernelStack),
                           reinterpret_cast<PVOID>(block.KernelStack - LDR_BOOT_STACK_SIZE));
}

/// What does not change of the page that programs read about the system. @irql any
void DescribeSystem() {
    constexpr ULONG largePage = 4 * 1024 * 1024;
    ULONG major, minor;
    (void)PsGetVersion(&major, &minor, nullptr, nullptr);
    SharedUserData->NtMajorVersion = major;
    SharedUserData->NtMinorVersion = minor;
    SharedUserData->NtProductType = NtProductServer;
    SharedUserData->ProductTypeIsValid = TRUE;
    SharedUserData->ImageNumberLow = SharedUserData->ImageNumberHigh = IMAGE_FILE_MACHINE_I386;
    SharedUserData->LargePageMinimum = largePage;
    for (ULONG feature = 0; feature < PROCESSOR_FEATURE_MAX; feature++)
        SharedUserData->ProcessorFeatures[feature] = ExIsProcessorFeaturePresent(feature);
}

/// The parts of the kernel that live in memory the memory manager gives out. @irql DISPATCH_LEVEL
void InitializeExecutive(LOADER_PARAMETER_BLOCK& block) REQUIRES_(AtDispatchLevel) {
    Require(MmInitSystem(&block), 1);
    DescribeSystem();
    static constexpr EX_PAGE_SOURCE pages = {MmAllocatePoolPages, MmFreePoolPages, MmDeterminePoolType,
                                             MmQueryPoolPages};
    Require(ExInitSystem(&pages), 2);
    (void)InitEventRing(KeGetCurrentProcessorNumber()); // a machine that small boots without
    KPRCB* const prcb = KeGetCurrentPrcb();
    KiInitializeDispatcher(prcb);
    static_assert(DPC_STACK_SIZE == KERNEL_STACK_SIZE);
    prcb->DpcStack = MmCreateKernelStack(FALSE); // without, DPCs run on the interrupted thread's stack
    Require(ObInitSystem(0), 3);
    Require(PsInitSystem(0), 3);
    BecomeIdleThread(prcb, block);
    if (!HalInitSystem(0, &block)) KeBugCheck(HAL_INITIALIZATION_FAILED);
}

} // namespace

bool InitEventRing(ULONG processor) {
    const ULONG size = EtwQueryRingSize(MmNumberOfPhysicalPages, KeLoaderOptions.RingRecords);
    auto* const records = static_cast<ETW_RECORD*>(MmAllocateContiguousPages(size * sizeof(ETW_RECORD) / PAGE_SIZE));
    if (!records) return false;
    EtwInitializeProcessor(processor, records, size);
    return true;
}

extern "C" [[noreturn]] void NTAPI KiSystemStartup(PLOADER_PARAMETER_BLOCK LoaderBlock) {
    LOADER_PARAMETER_BLOCK& block = *LoaderBlock;
    KeLoaderBlock = LoaderBlock;
    KiInitializeBootProcessor(block.KernelStack, block.KernelStack - LDR_BOOT_STACK_SIZE);
    HalInitializeProcessor(0, LoaderBlock);
    KfLowerIrql(DISPATCH_LEVEL);

    LdrInitializeLoadedModuleList(LoaderBlock);
    InitParseOptions(block.LoadOptions);
    KdInitSystem(LoaderBlock);
    Require(block.Signature == LDR_BLOCK_SIGNATURE && block.Version == LDR_BLOCK_VERSION, 0);
    if (KeLoaderOptions.Break && KeLoaderOptions.Debug) DbgBreakPoint();

    KeAssertDispatchLevel();
    InitializeExecutive(block);
    if (KeLoaderOptions.Test) KdTestPoint(KD_STAGE::Early);
    Require(NT_SUCCESS(PsStartSystemThread(nullptr, "Phase1", PHASE1_PRIORITY, Phase1Initialization, LoaderBlock)), 4);
    KiIdleLoop();
}
