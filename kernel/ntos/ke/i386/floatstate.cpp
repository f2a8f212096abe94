// Floating-point and SSE registers: saved by a driver, by the switch between threads, and loaded when user mode uses them.
//
// A thread that does not use them costs nothing: CR0.TS is set, so their first use in user mode is an exception (KiLoadUserNpx), which
// loads what the thread had. Registers that are loaded are saved when the thread loses the processor. User mode's stay saved until it
// uses them again; those of a driver between save and restore are loaded when its thread gets a processor again.
//
// Invariants: KTHREAD::NpxArea says where the registers go that this processor holds for its current thread: user mode's (KUSER_STACK_TOP),
// or those of the innermost pair of save and restore. CR0.TS is set exactly while the current thread has none. NpxArea, TS and the
// registers change together, with interrupts off or at SYNCH_LEVEL. A DPC changes them in the thread that it interrupted and puts them
// back before any switch.
// Locks: none. IRQL: <= DISPATCH_LEVEL. In the books: the processor manual. SCH-14
#include "ki386.h"
#include "ke/floatstate.h"
#include "ke/ki/context.h"
#include "ke/usermode.h"
#include "nt/assert.h"
#include "rtl/string.h"

namespace {

constexpr ULONG NPX_BYTES = 512; // of fxsave; fnsave needs 108
constexpr ULONG_PTR NPX_ALIGNMENT = 16;
constexpr ULONG DEFAULT_MXCSR = 0x1F80; // exceptions masked, rounds to nearest

constexpr ULONG CPUID_FEATURES = 1;
constexpr ULONG FEATURE_FXSR = 1u << 24;
constexpr ULONG FEATURE_SSE = 1u << 25;
constexpr ULONG CR4_OSFXSR = 1u << 9;
constexpr ULONG CR4_OSXMMEXCPT = 1u << 10;
constexpr ULONG CR0_MONITOR = 1u << 1;
constexpr ULONG CR0_EMULATION = 1u << 2;
constexpr ULONG CR0_TASK_SWITCHED = 1u << 3;
constexpr ULONG CR0_NUMERIC_ERROR = 1u << 5;

ULONG NpxFeatures; // shared: written while the first processor starts

/// One pair of save and restore.
struct alignas(NPX_ALIGNMENT) NPX_AREA {
    UCHAR Outer[NPX_BYTES]; ///< the registers as they were at the save
    UCHAR Own[NPX_BYTES];   ///< the thread's, while it does not run
    PVOID Previous;         ///< NpxArea of the pair around this one
    PVOID Allocation;
    KTHREAD* Thread;
    KIRQL Irql;
};

void Save(void* registers) {
    if (NpxFeatures & FEATURE_FXSR) {
        __asm__ __volatile__("fxsave (%0)" ::"r"(registers) : "memory");
    } else {
        __asm__ __volatile__("fnsave (%0)\n\tfwait" ::"r"(registers) : "memory");
    }
}

void Load(const void* registers) {
    if (NpxFeatures & FEATURE_FXSR) {
        __asm__ __volatile__("fxrstor (%0)" ::"r"(registers) : "memory");
    } else {
        __asm__ __volatile__("frstor (%0)" ::"r"(registers) : "memory");
    }
}

void LoadFresh() {
    __asm__ __volatile__("fninit");
    const ULONG mxcsr = DEFAULT_MXCSR;
    if (NpxFeatures & FEATURE_SSE) __asm__ __volatile__("ldmxcsr (%0)" ::"r"(&mxcsr) : "memory");
}

void ClearTaskSwitched() { __asm__ __volatile__("clts" ::: "memory"); }

void SetTaskSwitched() {
    __asm__ __volatile__("movl %0, %%cr0" ::"r"(nt::cpu::ReadCr0() | CR0_TASK_SWITCHED) : "memory");
}

KUSER_STACK_TOP& StackTop(const KTHREAD* thread) { return *(static_cast<KUSER_STACK_TOP*>(thread->StackBase) - 1); }

/// Whether the registers that are loaded are user mode's.
bool HasUserRegisters(const KTHREAD* thread) { return thread->NpxArea == StackTop(thread).Npx; }

/// What fxsave tells of MXCSR: bits that are not there must not be loaded.
constexpr ULONG MXCSR_OFFSET = 24, MXCSR_MASK_OFFSET = 28, DEFAULT_MXCSR_MASK = 0xFFBF;

ULONG& WordOf(UCHAR* registers, ULONG offset) { return *reinterpret_cast<ULONG*>(registers + offset); }

NPX_AREA* AllocateArea() {
    PVOID const allocation = KeAllocateFloatingArea(sizeof(NPX_AREA) + NPX_ALIGNMENT);
    if (!allocation) return nullptr;
    const auto start = (reinterpret_cast<ULONG_PTR>(allocation) + NPX_ALIGNMENT - 1) & ~(NPX_ALIGNMENT - 1);
    auto* const area = reinterpret_cast<NPX_AREA*>(start);
    area->Allocation = allocation;
    return area;
}

} // namespace

void KiInitializeNpx() {
    ULONG eax, ebx, ecx, edx;
    __asm__ __volatile__("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(CPUID_FEATURES));
    NpxFeatures = edx;
    ULONG cr0 = nt::cpu::ReadCr0() & ~(CR0_EMULATION | CR0_TASK_SWITCHED);
    cr0 |= CR0_MONITOR | CR0_NUMERIC_ERROR;
    __asm__ __volatile__("movl %0, %%cr0" ::"r"(cr0) : "memory");
    if (edx & FEATURE_FXSR) nt::cpu::WriteCr4(nt::cpu::ReadCr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    LoadFresh();
    SetTaskSwitched();
}

bool KiHasXmmRegisters() { return NpxFeatures & FEATURE_SSE; }

void KiAllowNpx(bool allow) { allow ? ClearTaskSwitched() : SetTaskSwitched(); }

void KiSaveNpx(PKTHREAD Thread) {
    Save(Thread->NpxArea);
    if (HasUserRegisters(Thread)) Thread->NpxArea = nullptr;
    SetTaskSwitched();
}

void KiLoadNpx(PVOID Area) {
    ClearTaskSwitched();
    Load(Area);
}

void KiLoadUserNpx() {
    NT_ASSERT(!nt::cpu::InterruptsEnabled());
    KTHREAD* const thread = KeGetCurrentThread();
    KUSER_STACK_TOP& top = StackTop(thread);
    ClearTaskSwitched();
    if (top.NpxUsed) {
        Load(top.Npx);
    } else {
        LoadFresh();
    }
    top.NpxUsed = TRUE;
    thread->NpxArea = top.Npx;
}

void KiNpxToContext(CONTEXT& context) {
    KTHREAD* const thread = KeGetCurrentThread();
    KUSER_STACK_TOP& top = StackTop(thread);
    if (!top.NpxUsed || !(NpxFeatures & FEATURE_FXSR)) return;
    const bool enabled = nt::cpu::SaveAndDisableInterrupts();
    if (HasUserRegisters(thread)) Save(top.Npx);
    nt::cpu::RestoreInterrupts(enabled);
    memcpy(context.ExtendedRegisters, top.Npx, sizeof(top.Npx));
    context.ContextFlags |= CONTEXT_EXTENDED_REGISTERS;
}

void KiNpxFromContext(CONTEXT& context) {
    constexpr ULONG wanted = CONTEXT_EXTENDED_REGISTERS;
    if ((context.ContextFlags & wanted) != wanted || !(NpxFeatures & FEATURE_FXSR)) return;
    KTHREAD* const thread = KeGetCurrentThread();
    KUSER_STACK_TOP& top = StackTop(thread);
    const bool enabled = nt::cpu::SaveAndDisableInterrupts();
    if (HasUserRegisters(thread)) Save(top.Npx); // for its mask
    const ULONG mask = WordOf(top.Npx, MXCSR_MASK_OFFSET) ? WordOf(top.Npx, MXCSR_MASK_OFFSET) : DEFAULT_MXCSR_MASK;
    memcpy(top.Npx, context.ExtendedRegisters, sizeof(top.Npx));
    WordOf(top.Npx, MXCSR_MASK_OFFSET) = mask;
    WordOf(top.Npx, MXCSR_OFFSET) &= mask;
    top.NpxUsed = TRUE;
    thread->NpxArea = nullptr; // the next use loads them
    SetTaskSwitched();
    nt::cpu::RestoreInterrupts(enabled);
}

NTSTATUS KiUserNpxError() {
    constexpr USHORT invalid = 1, denormal = 2, divide = 4, overflow = 8, underflow = 16, inexact = 32, stack = 64;
    USHORT status, control;
    __asm__ __volatile__("fnstsw %0\n\tfnstcw %1" : "=m"(status), "=m"(control));
    const USHORT found = USHORT(status & ~control);
    if (found & invalid) return status & stack ? STATUS_FLOAT_STACK_CHECK : STATUS_FLOAT_INVALID_OPERATION;
    if (found & divide) return STATUS_FLOAT_DIVIDE_BY_ZERO;
    if (found & denormal) return STATUS_FLOAT_DENORMAL_OPERAND;
    if (found & overflow) return STATUS_FLOAT_OVERFLOW;
    if (found & underflow) return STATUS_FLOAT_UNDERFLOW;
    return found & inexact ? STATUS_FLOAT_INEXACT_RESULT : STATUS_FLOAT_INVALID_OPERATION;
}

extern "C" {

NTSTATUS NTAPI KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave) {
    const KIRQL irql = KeGetCurrentIrql();
    if (irql > DISPATCH_LEVEL) return STATUS_ILLEGAL_FLOAT_CONTEXT;
    NPX_AREA* const area = AllocateArea();
    if (!area) return STATUS_INSUFFICIENT_RESOURCES;
    KTHREAD* const thread = KeGetCurrentThread();
    area->Thread = thread;
    area->Irql = irql;
    *FloatSave = {.Spare1 = reinterpret_cast<ULONG_PTR>(area)};
    const bool enabled = nt::cpu::SaveAndDisableInterrupts();
    area->Previous = thread->NpxArea; // read here: until now a switch might have saved user mode's
    ClearTaskSwitched();
    Save(area->Outer);
    thread->NpxArea = area->Own;
    LoadFresh();
    nt::cpu::RestoreInterrupts(enabled);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave) {
    auto* const area = reinterpret_cast<NPX_AREA*>(FloatSave->Spare1);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(area->Thread == thread && area->Irql == KeGetCurrentIrql() && thread->NpxArea == area->Own);
    const bool enabled = nt::cpu::SaveAndDisableInterrupts();
    thread->NpxArea = area->Previous;
    if (area->Previous) {
        Load(area->Outer);
    } else {
        SetTaskSwitched();
    }
    nt::cpu::RestoreInterrupts(enabled);
    KeFreeFloatingArea(area->Allocation);
    return STATUS_SUCCESS;
}
}
