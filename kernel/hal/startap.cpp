// Starting the other processors: INIT, then STARTUP with the number of a page below 1 MB (startap.S).
//
// One processor starts at a time; the page is written anew for each. While it starts, low memory is mapped at its own addresses
// in this page directory, because the new processor switches paging on where it stands.
// Locks: none, the caller is the first processor's start-up. IRQL: PASSIVE_LEVEL.
// In the books: "booting: application processors"; the MP specification, "application processor startup". HAL-02
#include "halp.h"
#include "rtl/string.h"

namespace {

/// The tail of the start page, as startap.S lays it out.
struct __attribute__((packed)) HALP_START_PARAMETERS {
    ULONGLONG Gdt[3];
    USHORT GdtLimit;
    ULONG GdtBase;
    USHORT Padding0;
    ULONG FlatOffset;
    USHORT FlatSelector;
    USHORT Padding1;
    ULONG Cr0, Cr3, Cr4, Esp, Eip;
    volatile ULONG Arrived;
};

ULONG Attempted; ///< processors of the tables that were tried

constexpr ULONG FIRST_START_PAGE = 0x10, START_PAGE_LIMIT = 0x9F; ///< what lies below is the firmware's

extern "C" {
extern const UCHAR HalpStartCode[], HalpStartParameters[], HalpStartCodeEnd[];
}

template <typename T> T* LowMemory(ULONG address) {
    return reinterpret_cast<T*>(ULONG_PTR(LDR_SYSTEM_SPACE) + address);
}

/// A page that is not used, where a processor in real mode can begin. 0: there is none.
ULONG FindStartPage(const LOADER_PARAMETER_BLOCK& block) {
    const LIST_ENTRY* const head = &block.MemoryDescriptorListHead;
    for (const LIST_ENTRY* entry = head->Flink; entry != head; entry = entry->Flink) {
        const auto* const run = CONTAINING_RECORD(entry, const MEMORY_ALLOCATION_DESCRIPTOR, ListEntry);
        const ULONG page = run->BasePage > FIRST_START_PAGE ? run->BasePage : FIRST_START_PAGE;
        const bool unused = run->MemoryType == LoaderFree || run->MemoryType == LoaderLoadedProgram;
        if (unused && page < START_PAGE_LIMIT && page < run->BasePage + run->PageCount) return page;
    }
    return 0;
}

HALP_START_PARAMETERS* FillStartPage(ULONG page, const KPROCESSOR_STATE& state) {
    const ULONG address = page * PAGE_SIZE;
    auto* const code = LowMemory<UCHAR>(address);
    RtlCopyMemory(code, HalpStartCode, SIZE_T(HalpStartCodeEnd - HalpStartCode));
    auto* const parameters = reinterpret_cast<HALP_START_PARAMETERS*>(code + (HalpStartParameters - HalpStartCode));
    parameters->GdtBase += address;
    parameters->FlatOffset += address;
    parameters->Cr0 = state.SpecialRegisters.Cr0;
    parameters->Cr3 = state.SpecialRegisters.Cr3;
    parameters->Cr4 = state.SpecialRegisters.Cr4;
    parameters->Esp = state.ContextFrame.Esp;
    parameters->Eip = state.ContextFrame.Eip;
    return parameters;
}

/// The low memory where it is, in this page directory, for as long as it lives.
class LowMemoryMapped {
public:
    LowMemoryMapped() { MmMapLowMemory(TRUE); }
    ~LowMemoryMapped() { MmMapLowMemory(FALSE); }
    LowMemoryMapped(const LowMemoryMapped&) = delete;
    LowMemoryMapped& operator=(const LowMemoryMapped&) = delete;
};

/// One STARTUP command. @returns whether the processor has come to the start page in that time.
bool Start(ULONG number, ULONG page, const HALP_START_PARAMETERS& parameters, ULONG microseconds) {
    constexpr ULONG step = 10;
    HalpController->StartProcessor(number, page);
    for (ULONG waited = 0; waited < microseconds && !parameters.Arrived; waited += step)
        KeStallExecutionProcessor(step);
    return parameters.Arrived != 0;
}

} // namespace

extern "C" ULONG NTAPI HalQueryOtherProcessors() { return HalpController->OtherProcessors() - Attempted; }

extern "C" BOOLEAN NTAPI HalStartNextProcessor(LOADER_PARAMETER_BLOCK* LoaderBlock,
                                               const KPROCESSOR_STATE* ProcessorState) {
    constexpr ULONG resetTime = 10'000, firstPatience = 1'000, lastPatience = 100'000; // microseconds
    const ULONG page = FindStartPage(*LoaderBlock);
    const auto number = ULONG(KeNumberProcessors);
    while (page && Attempted < HalpController->OtherProcessors()) {
        const LowMemoryMapped mapped;
        const HALP_START_PARAMETERS& parameters = *FillStartPage(page, *ProcessorState);
        const ULONG index = Attempted++;
        HalpController->ResetProcessor(index, number);
        KeStallExecutionProcessor(resetTime);
        if (!Start(number, page, parameters, firstPatience) && !Start(number, page, parameters, lastPatience)) {
            HalpController->ResetProcessor(index, number); // it must not come later, with what is the next one's
            continue;
        }
        while (__atomic_load_n(&KeNumberProcessors, __ATOMIC_ACQUIRE) == CHAR(number))
            YieldProcessor(); // it needs the low map until it is in the kernel
        return TRUE;
    }
    return FALSE;
}
