// Floating-point and SSE registers: saved by a driver, and by the switch between threads.
//
// Invariant: KTHREAD::NpxArea is set exactly between a thread's save and its restore (of the innermost pair), and says where its
// registers go while it does not run. It belongs to the thread; a DPC changes it in the thread that it interrupted and puts it
// back before any switch.
// An interrupt between two steps here does no harm: before NpxArea is set the registers are nobody's, or those of an outer pair,
// which has an area of its own.
// Locks: none. IRQL: <= DISPATCH_LEVEL. In the books: the processor manual. SCH-14
#include "ki386.h"
#include "ke/floatstate.h"
#include "ke/ki/context.h"
#include "nt/assert.h"

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
}

void KiSaveNpx(PVOID Area) { Save(Area); }

void KiLoadNpx(PVOID Area) { Load(Area); }

extern "C" {

NTSTATUS NTAPI KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave) {
    const KIRQL irql = KeGetCurrentIrql();
    if (irql > DISPATCH_LEVEL) return STATUS_ILLEGAL_FLOAT_CONTEXT;
    NPX_AREA* const area = AllocateArea();
    if (!area) return STATUS_INSUFFICIENT_RESOURCES;
    KTHREAD* const thread = KeGetCurrentThread();
    area->Thread = thread;
    area->Irql = irql;
    area->Previous = thread->NpxArea;
    *FloatSave = {.Spare1 = reinterpret_cast<ULONG_PTR>(area)};
    Save(area->Outer);
    thread->NpxArea = area->Own;
    KeCompilerBarrier(); // from here on a switch keeps the registers
    LoadFresh();
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave) {
    auto* const area = reinterpret_cast<NPX_AREA*>(FloatSave->Spare1);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(area->Thread == thread && area->Irql == KeGetCurrentIrql() && thread->NpxArea == area->Own);
    thread->NpxArea = area->Previous;
    KeCompilerBarrier();
    Load(area->Outer);
    KeFreeFloatingArea(area->Allocation);
    return STATUS_SUCCESS;
}
}
