// The page frame number database of a running kernel: its lists, states and counters agree after boot, and after many pages
// were taken and given back from all processors at once.
// machine: memory=64
// machine: memory=8
// machine: memory=16
// machine: memory=512
#include "ex.h"
#include "kd.h"
#include "ke.h"
#include "mm.h"
#include "mm/layout.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");
constexpr ULONG Rounds = 40, MostPages = 6;

volatile LONG Working, Failed;

/// Takes and gives back stacks and pages of the pool, on one processor.
void NTAPI Storm(PVOID context) {
    const auto number = ULONG(reinterpret_cast<ULONG_PTR>(context));
    (void)KeSetAffinityThread(KeGetCurrentThread(), KAFFINITY(1) << number);
    for (ULONG round = 0; round < Rounds; round++) {
        PVOID const stack = MmCreateKernelStack(round % 4 == 0);
        const ULONG pages = 1 + (round + number) % MostPages;
        auto* const memory = static_cast<UCHAR*>(ExAllocatePoolWithTag(PagedPool, pages * PAGE_SIZE, TestTag));
        if (!stack || !memory) InterlockedIncrement(&Failed);
        if (memory) {
            memset(memory, int(number), pages * PAGE_SIZE);
            for (ULONG i = 0; i < pages * PAGE_SIZE; i += PAGE_SIZE / 2)
                if (memory[i] != UCHAR(number)) InterlockedIncrement(&Failed); // another thread has the page, too
            ExFreePoolWithTag(memory, TestTag);
        }
        if (stack) MmDeleteKernelStack(stack, round % 4 == 0);
    }
    InterlockedDecrement(&Working);
}

} // namespace

// PFN-01, PFN-02
GUEST_TEST(PageFramesAgreeAfterBoot) {
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
    GUEST_TRUE(MmQueryFreePages() > MmNumberOfPhysicalPages / 4);
    GUEST_TRUE(MmQueryFreePages() < MmNumberOfPhysicalPages);
}

// TOL-06
GUEST_TEST(ThePromptShowsPagesByState) {
    static CHAR text[2048];
    (void)KdExecuteCommand("pfn", text, sizeof text);
    GUEST_TRUE(strstr(text, "free") != nullptr && strstr(text, "available") != nullptr);
    GUEST_TRUE(strstr(text, "but its list has") == nullptr);
    (void)KdExecuteCommand("pfn 0", text, sizeof text);
    GUEST_TRUE(strstr(text, "page 0x0 is no memory") != nullptr);
    (void)KdExecuteCommand("pfn 0x100", text, sizeof text); // the kernel's first page, or one that the loader left free
    GUEST_TRUE(strstr(text, "page 0x100: ") != nullptr);
}

// PFN-01, PFN-08
GUEST_TEST(PageFramesAgreeAfterAllProcessorsTookAndGaveBackPages) {
    Working = LONG(KeNumberProcessors);
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++)
        GUEST_TRUE(
            NT_SUCCESS(PsStartSystemThread(nullptr, "Storm", 8, Storm, reinterpret_cast<PVOID>(ULONG_PTR(number)))));
    while (Working != 0) {
        GUEST_TRUE(MmCheckPageFrames() == nullptr); // whatever the others are doing
        LARGE_INTEGER tick = {.QuadPart = -100'000};
        (void)KeDelayExecutionThread(KernelMode, FALSE, &tick);
    }
    GUEST_EQUAL(0, Failed);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}
