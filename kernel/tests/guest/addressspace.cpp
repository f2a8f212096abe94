// Page tables that are mapped to themselves, system space that all processes share, kernel code that nobody writes.
#include "ke.h"
#include "ke/ipi.h"
#include "mm.h"
#include "ps.h"

#include "freepages.h"
#include "guest_main.h"

namespace {

constexpr ULONG PageValid = 1, PageWritable = 2, Frame = ~(ULONG(PAGE_SIZE) - 1);
constexpr ULONG EntryShift = 22; ///< an entry of the directory stands for 4 MB

ULONG EntryOf(ULONG_PTR address) { return reinterpret_cast<const ULONG*>(MM_PTE_BASE)[address / PAGE_SIZE]; }
ULONG TableOf(ULONG_PTR address) { return reinterpret_cast<const ULONG*>(MM_PDE_BASE)[address >> EntryShift]; }

ULONG_PTR NTAPI WriteProtects(ULONG_PTR count) {
    constexpr ULONG writeProtect = 1u << 16;
    ULONG cr0;
    __asm__ __volatile__("movl %%cr0, %0" : "=r"(cr0));
    if (cr0 & writeProtect) InterlockedIncrement(reinterpret_cast<volatile LONG*>(count));
    return 0;
}

KPROCESS Other;

} // namespace

// MEM-04
GUEST_TEST(PageTablesAreMappedToThemselves) {
    ULONG_PTR stack;
    stack = reinterpret_cast<ULONG_PTR>(&stack);
    GUEST_EQUAL(MmGetPhysicalAddress(reinterpret_cast<PVOID>(stack)).QuadPart / PAGE_SIZE, EntryOf(stack) / PAGE_SIZE);
    GUEST_EQUAL(MmGetPageDirectory(), TableOf(MM_PTE_BASE) & Frame);
    GUEST_EQUAL(TableOf(stack), EntryOf(MM_PTE_BASE + stack / PAGE_SIZE * sizeof(ULONG)));
    GUEST_TRUE(!MmIsAddressValid(reinterpret_cast<PVOID>(MM_PTE_BASE))); // the table of address 0: there is none
}

// MEM-05: a section that is not writable is not writable for the kernel either
GUEST_TEST(ImagesAreMappedAsTheirSectionsSay) {
    static volatile ULONG written;
    const auto code = reinterpret_cast<ULONG_PTR>(&KeIpiGenericCall);
    const auto constant = reinterpret_cast<ULONG_PTR>(&KdDebuggerDataBlock);
    GUEST_TRUE((EntryOf(code) & (PageValid | PageWritable)) == PageValid);
    GUEST_TRUE((EntryOf(constant) & (PageValid | PageWritable)) == PageValid);
    GUEST_TRUE((EntryOf(reinterpret_cast<ULONG_PTR>(&written)) & PageWritable) != 0);
    volatile LONG protecting = 0;
    (void)KeIpiGenericCall(WriteProtects, reinterpret_cast<ULONG_PTR>(&protecting));
    GUEST_EQUAL(LONG(KeNumberProcessors), protecting);
}

// MEM-05, TRP-09
GUEST_TEST_BUGCHECK(WritingKernelCodeIsABugcheck, ATTEMPTED_WRITE_TO_READONLY_MEMORY) {
    auto* const code = reinterpret_cast<volatile UCHAR*>(reinterpret_cast<ULONG_PTR>(&KeIpiGenericCall));
    *code = 0xCC;
}

// MEM-05, TRP-09: a handler is not asked
GUEST_TEST_BUGCHECK(WritingConstantDataIsABugcheck, ATTEMPTED_WRITE_TO_READONLY_MEMORY) {
    __try {
        const_cast<volatile KDDEBUGGER_DATA&>(KdDebuggerDataBlock).Version = 0;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        GUEST_TRUE(!"it was handled");
    }
}

// MEM-06: an entry of system space that came after a process's directory is there at the first use
GUEST_TEST(ALaterEntryOfSystemSpaceComesByFault) {
    constexpr ULONG size = 5u << 20, inNextTable = 4u << 20;
    auto* const mapped = static_cast<UCHAR*>(MmMapIoSpace({.QuadPart = LDR_LOW_MEMORY}, size, MmCached));
    GUEST_TRUE(mapped != nullptr);
    const UCHAR* const touched = mapped + inNextTable;
    const ULONG table = ULONG(reinterpret_cast<ULONG_PTR>(touched) >> EntryShift);
    GUEST_TRUE(table != reinterpret_cast<ULONG_PTR>(&size) >> EntryShift); // this stack stays mapped
    const UCHAR expected = *touched;

    ULONG_PTR base[2];
    GUEST_TRUE(MmCreateProcessDirectory(base));
    auto* const theirs = static_cast<volatile ULONG*>(MmMapIoSpace({.QuadPart = base[0]}, PAGE_SIZE, MmCached));
    KeInitializeProcess(&Other, 8, ~KAFFINITY(0), base);
    KAPC_STATE before;
    for (ULONG round = 0; round < 2; round++) {
        const ULONG entry = theirs[table];
        theirs[table] = 0;
        KeFlushEntireTb(TRUE, TRUE); // system space is global: a translation would outlive the change of directory
        KeStackAttachProcess(&Other, &before);
        if (round == 0) {
            GUEST_EQUAL(expected, *touched); // faults
        } else {
            GUEST_EQUAL(EntryOf(reinterpret_cast<ULONG_PTR>(mapped)) / PAGE_SIZE + inNextTable / PAGE_SIZE,
                        EntryOf(reinterpret_cast<ULONG_PTR>(touched)) / PAGE_SIZE); // the page table faults
        }
        KeUnstackDetachProcess(&before);
        GUEST_EQUAL(entry, theirs[table]);
    }
    theirs[table] = 0;
    KeStackAttachProcess(&Other, &before);
    const bool valid = MmIsAddressValid(touched);
    const bool user = MmIsAddressValid(reinterpret_cast<PVOID>(MM_LOWEST_USER_ADDRESS));
    KeUnstackDetachProcess(&before);
    GUEST_TRUE(valid && !user);
    MmDeleteProcessDirectory(base);
}

// SYS-01, MEM-06: a thread that has ended runs on in its address space until the last switch
GUEST_TEST(ProcessGoesAfterTheLastSwitchOfItsThreads) {
    const ULONG before = FreeAndPoolPages();
    for (ULONG round = 0; round < 100; round++) {
        EPROCESS* process;
        if (!GUEST_TRUE(NT_SUCCESS(PspCreateProcess("Brief", &process)))) return;
        PETHREAD threads[3];
        for (PETHREAD& thread : threads)
            GUEST_EQUAL(STATUS_SUCCESS, PspStartProcessThread(
                                            &thread, process, "Brief", 8, [](PVOID) {}, nullptr));
        for (PETHREAD const thread : threads) {
            (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            PsDereferenceThread(thread);
        }
        PspDeleteProcess(process);
    }
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
    GUEST_TRUE(FreeAndPoolPages() >= before); // more: what earlier tests used came back meanwhile
}
