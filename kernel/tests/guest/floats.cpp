// Floating-point and SSE registers: a thread's are its own between save and restore, whatever runs meanwhile. SCH-14
#include "ex.h"
#include "guest_main.h"
#include "hal.h"
#include "i386/cpu.h"
#include "together.h"

namespace {

constexpr ULONG XMM_REGISTERS = 8;
constexpr ULONG ROUNDS = 300;

/// What a thread puts into the registers: numbers that no other thread has.
struct REGISTERS {
    ULONGLONG Stack; ///< an integer of 64 bits: the x87 stack holds it exactly
    ULONG Xmm[XMM_REGISTERS][4];

    void Make(ULONG seed) {
        Stack = ULONGLONG(seed) << 40 | 0x123456789 | seed;
        for (ULONG i = 0; i < XMM_REGISTERS; i++) {
            for (ULONG k = 0; k < 4; k++)
                Xmm[i][k] = seed * 0x01010101 + i * 4 + k;
        }
    }
    void Load() const {
        __asm__ __volatile__("fildll (%0)" ::"r"(&Stack) : "memory");
        if (HasSse()) {
            __asm__ __volatile__("movups (%0), %%xmm0\n\tmovups 16(%0), %%xmm1\n\tmovups 32(%0), %%xmm2\n\t"
                                 "movups 48(%0), %%xmm3\n\tmovups 64(%0), %%xmm4\n\tmovups 80(%0), %%xmm5\n\t"
                                 "movups 96(%0), %%xmm6\n\tmovups 112(%0), %%xmm7" ::"r"(Xmm)
                                 : "memory");
        }
    }
    /// Takes the registers into memory; the stack's top is loaded again.
    void Store() {
        __asm__ __volatile__("fistpll (%0)\n\tfildll (%0)" ::"r"(&Stack) : "memory");
        if (HasSse()) {
            __asm__ __volatile__("movups %%xmm0, (%0)\n\tmovups %%xmm1, 16(%0)\n\tmovups %%xmm2, 32(%0)\n\t"
                                 "movups %%xmm3, 48(%0)\n\tmovups %%xmm4, 64(%0)\n\tmovups %%xmm5, 80(%0)\n\t"
                                 "movups %%xmm6, 96(%0)\n\tmovups %%xmm7, 112(%0)" ::"r"(Xmm)
                                 : "memory");
        }
    }
    [[nodiscard]] bool Same(const REGISTERS& other) const {
        return Stack == other.Stack && (!HasSse() || memcmp(Xmm, other.Xmm, sizeof(Xmm)) == 0);
    }
    static bool HasSse() { return ExIsProcessorFeaturePresent(PF_XMMI_INSTRUCTIONS_AVAILABLE); }
};

struct SHARED {
    volatile LONG Wrong;
    volatile LONG Failed;
    volatile LONG Seed;
};

/// Uses the registers inside a pair of its own, as a DPC or an inner routine does. @returns whether they were its own
bool UseInside(ULONG seed) {
    KFLOATING_SAVE save;
    if (!NT_SUCCESS(KeSaveFloatingPointState(&save))) return false;
    REGISTERS mine, seen;
    mine.Make(seed);
    mine.Load();
    seen.Store();
    (void)KeRestoreFloatingPointState(&save);
    return mine.Same(seen);
}

void KeepRegisters(ULONG index, PVOID context) {
    auto& shared = *static_cast<SHARED*>(context);
    KFLOATING_SAVE save;
    if (!NT_SUCCESS(KeSaveFloatingPointState(&save))) {
        InterlockedIncrement(&shared.Failed);
        return;
    }
    REGISTERS mine;
    mine.Make(index + 1);
    mine.Load();
    for (ULONG round = 0; round < ROUNDS; round++) {
        if (round % 4 == 0) {
            (void)KeYieldExecution();
        } else if (round % 4 == 1) {
            LARGE_INTEGER interval = KeRelativeMilliseconds(round % 16 == 1 ? 1 : 0);
            (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
        } else if (round % 4 == 2) {
            nt::DispatchLevelGuard level; // as a DPC that interrupts this thread
            if (!UseInside(100 + index)) InterlockedIncrement(&shared.Wrong);
        } else if (!UseInside(200 + index)) {
            InterlockedIncrement(&shared.Wrong);
        }
        REGISTERS seen;
        seen.Store();
        if (!mine.Same(seen)) InterlockedIncrement(&shared.Wrong);
    }
    (void)KeRestoreFloatingPointState(&save);
}

volatile LONG DpcRan;
void NTAPI UseInDpc(PKDPC, PVOID, PVOID, PVOID) {
    GUEST_TRUE(UseInside(77));
    InterlockedIncrement(&DpcRan);
}

} // namespace

// SCH-14: threads that take turns, sleep, and use the registers again inside; on 1, 2 and 4 processors
GUEST_TEST(EachThreadHasItsOwnRegisters) {
    static SHARED shared;
    (void)GuestTogether(KeepRegisters, &shared);
    GUEST_EQUAL(0, shared.Failed);
    GUEST_EQUAL(0, shared.Wrong);
    GUEST_TRUE(KeGetCurrentThread()->NpxArea == nullptr);
}

// SCH-14: a DPC runs over a thread that is in the middle of its numbers
GUEST_TEST(ADpcLeavesTheRegistersAsTheyWere) {
    KFLOATING_SAVE save;
    GUEST_EQUAL(STATUS_SUCCESS, KeSaveFloatingPointState(&save));
    REGISTERS mine, seen;
    mine.Make(9);
    mine.Load();
    static KDPC dpc;
    KeInitializeDpc(&dpc, UseInDpc, nullptr);
    for (LONG i = 1; i <= 20; i++) {
        KeInsertQueueDpc(&dpc, nullptr, nullptr);
        while (DpcRan < i)
            YieldProcessor();
        seen.Store();
        GUEST_TRUE(mine.Same(seen));
    }
    GUEST_EQUAL(STATUS_SUCCESS, KeRestoreFloatingPointState(&save));
}

namespace {

/// Zeroes and copies pages of the pool, and looks at each byte, and at what is beside them.
void ZeroAndCopy() {
    constexpr ULONG pages = 4;
    static UCHAR* memory;
    if (!memory) memory = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, pages * PAGE_SIZE, EX_TAG("Page")));
    if (!GUEST_TRUE(memory != nullptr)) return;
    for (ULONG i = 0; i < pages * PAGE_SIZE; i++)
        memory[i] = UCHAR(i % 251 + 1);
    {
        const nt::DispatchLevelGuard irql;
        KeZeroPage(memory + PAGE_SIZE);
        KeCopyPage(memory + 2 * PAGE_SIZE, memory);
    }
    ULONG wrong = 0;
    for (ULONG i = 0; i < PAGE_SIZE; i++) {
        wrong += memory[i] != i % 251 + 1 || memory[PAGE_SIZE + i] != 0 || memory[2 * PAGE_SIZE + i] != memory[i] ||
                 memory[3 * PAGE_SIZE + i] != (3 * PAGE_SIZE + i) % 251 + 1;
    }
    GUEST_EQUAL(0, wrong);
}

/// Whether the next use of the registers is an exception: no thread's are loaded.
bool RegistersAreAway() {
    constexpr ULONG taskSwitched = 1u << 3;
    return nt::cpu::ReadCr0() & taskSwitched;
}

} // namespace

// SCH-14, PFN-18: the kernel zeroes and copies pages through a register that it borrows from the thread, or from no thread
GUEST_TEST(PagesAreZeroedAndCopiedInABorrowedRegister) {
    GUEST_TRUE(RegistersAreAway());
    ZeroAndCopy();
    GUEST_TRUE(RegistersAreAway() && KeGetCurrentThread()->NpxArea == nullptr);

    KFLOATING_SAVE save;
    GUEST_EQUAL(STATUS_SUCCESS, KeSaveFloatingPointState(&save));
    REGISTERS mine, seen;
    mine.Make(5);
    mine.Load();
    ZeroAndCopy();
    seen.Store();
    GUEST_TRUE(mine.Same(seen));
    GUEST_TRUE(!RegistersAreAway());
    GUEST_EQUAL(STATUS_SUCCESS, KeRestoreFloatingPointState(&save));
    GUEST_TRUE(RegistersAreAway());
}

// SCH-14
GUEST_TEST(InterruptsMayNotUseTheRegisters) {
    KFLOATING_SAVE save;
    nt::IrqlGuard level(DEVICE_LEVEL_FIRST);
    GUEST_TRUE(KeSaveFloatingPointState(&save) == STATUS_ILLEGAL_FLOAT_CONTEXT);
}
