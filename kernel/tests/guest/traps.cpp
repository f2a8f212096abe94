// Traps on the real machine: the IDT, trap frames, exceptions of kernel mode, and the bugchecks that end them.
#include "guest_main.h"
#include "i386/cpu.h"
#include "i386/descriptor.h"
#include "i386/trap.h"
#include "ldr.h"
#include "mm.h"

namespace {

constexpr ULONG TEST_VECTOR = 0x40;
constexpr ULONG GATE_PRESENT = 0x8000;

/// A copy of the trap frame that the handler of TEST_VECTOR saw.
KTRAP_FRAME Seen;
ULONG ExceptionListInside;
ULONG SkipBytes; ///< what the handler adds to the interrupted stack pointer

void NTAPI Handler(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    Seen = *TrapFrame;
    ExceptionListInside = nt::cpu::ReadExceptionList();
    GUEST_EQUAL(TEST_VECTOR, Vector);
    GUEST_TRUE(!nt::cpu::InterruptsEnabled());
    if (!SkipBytes) return;
    CONTEXT context;
    context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(TrapFrame, nullptr, &context);
    context.Esp += SkipBytes;
    context.Ecx = 0x5EED;
    KeContextToKframes(TrapFrame, nullptr, &context, CONTEXT_FULL, KernelMode);
}

class VectorGuard {
public:
    VectorGuard() { KiSetInterruptHandler(TEST_VECTOR, Handler); }
    ~VectorGuard() { KiSetInterruptHandler(TEST_VECTOR, nullptr); }
};

bool IsInKernelImage(ULONG_PTR address) {
    const auto* const kernel = CONTAINING_RECORD(PsLoadedModuleList.Flink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    return address - reinterpret_cast<ULONG_PTR>(kernel->DllBase) < kernel->SizeOfImage;
}

__attribute__((noinline)) ULONG Overflow(ULONG depth) {
    volatile UCHAR page[512];
    page[0] = UCHAR(depth);
    return depth == ~0u ? 0 : Overflow(depth + 1) + page[0]; // the addition keeps this frame alive
}

__attribute__((noinline)) ULONG ReadAt(ULONG_PTR address) { return *reinterpret_cast<volatile ULONG*>(address); }
__attribute__((noinline)) void WriteAt(ULONG_PTR address) { *reinterpret_cast<volatile ULONG*>(address) = 1; }

constexpr ULONG_PTR NOWHERE_IN_USER_SPACE = 0x00345678;
constexpr ULONG_PTR NOWHERE_IN_SYSTEM_SPACE = 0xF0345678;

} // namespace

// TRP-07: 256 entries of 8 bytes, every one filled
GUEST_TEST(IdtIsFull) {
    KDESCRIPTOR idt;
    __asm__ __volatile__("sidt %0" : "=m"(idt));
    GUEST_EQUAL(256 * 8 - 1, idt.Limit);
    const auto* const gates = reinterpret_cast<const KIDTENTRY*>(idt.Base);
    GUEST_EQUAL(idt.Base, reinterpret_cast<ULONG_PTR>(KeGetPcr()->IDT));
    for (ULONG vector = 0; vector <= MAXIMUM_IDTVECTOR; ++vector) {
        const KIDTENTRY& gate = gates[vector];
        GUEST_TRUE(gate.Access & GATE_PRESENT);
        if ((gate.Access & 0x1F00) == GATE_TASK - GATE_PRESENT) continue;
        GUEST_EQUAL(KGDT_R0_CODE, gate.Selector);
        GUEST_TRUE(IsInKernelImage(ULONG(gate.Offset) | ULONG(gate.ExtendedOffset) << 16));
    }
    GUEST_EQUAL(KGDT_DF_TSS, gates[8].Selector);
    GUEST_EQUAL(KGDT_NMI_TSS, gates[2].Selector);
}

// TRP-01, TRP-02: the kernel runs in ring 0; ring 3 has segments of its own
GUEST_TEST(KernelRunsInRingZero) {
    ULONG cs;
    __asm__ __volatile__("movl %%cs, %0" : "=r"(cs));
    GUEST_EQUAL(0, cs & RPL_MASK);
    const KGDTENTRY* const gdt = KeGetPcr()->GDT;
    GUEST_EQUAL(DESCRIPTOR_DPL3, gdt[KGDT_R3_CODE / sizeof(KGDTENTRY)].Flags1 & DESCRIPTOR_DPL3);
    GUEST_EQUAL(0, gdt[KGDT_R0_CODE / sizeof(KGDTENTRY)].Flags1 & DESCRIPTOR_DPL3);
}

// TRP-03, EXC-01: the frame holds every register, and every register comes back
GUEST_TEST(TrapFrameHoldsTheRegisters) {
    const VectorGuard guard;
    SkipBytes = 0;
    ULONG out[7];
    const ULONG list = nt::cpu::ReadExceptionList();
    __asm__ __volatile__("pushl %%ebp\n\t"
                         "pushl %0\n\t"
                         "movl $0x11111111, %%eax\n\t"
                         "movl $0x22222222, %%ebx\n\t"
                         "movl $0x33333333, %%ecx\n\t"
                         "movl $0x44444444, %%edx\n\t"
                         "movl $0x55555555, %%esi\n\t"
                         "movl $0x66666666, %%edi\n\t"
                         "movl $0x77777777, %%ebp\n\t"
                         "stc\n\t"
                         "int $0x40\n\t"
                         "pushl %%edi\n\t"
                         "movl 4(%%esp), %%edi\n\t"
                         "movl %%eax, 0(%%edi)\n\t"
                         "movl %%ebx, 4(%%edi)\n\t"
                         "movl %%ecx, 8(%%edi)\n\t"
                         "movl %%edx, 12(%%edi)\n\t"
                         "movl %%esi, 16(%%edi)\n\t"
                         "movl %%ebp, 24(%%edi)\n\t"
                         "popl 20(%%edi)\n\t"
                         "popl %0\n\t"
                         "popl %%ebp"
                         :
                         : "D"(out)
                         : "eax", "ebx", "ecx", "edx", "esi", "memory", "cc");
    const ULONG expected[7] = {0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555, 0x66666666, 0x77777777};
    for (ULONG i = 0; i < 7; ++i)
        GUEST_EQUAL(expected[i], out[i]);
    GUEST_EQUAL(0x11111111, Seen.Eax);
    GUEST_EQUAL(0x22222222, Seen.Ebx);
    GUEST_EQUAL(0x33333333, Seen.Ecx);
    GUEST_EQUAL(0x44444444, Seen.Edx);
    GUEST_EQUAL(0x55555555, Seen.Esi);
    GUEST_EQUAL(0x66666666, Seen.Edi);
    GUEST_EQUAL(0x77777777, Seen.Ebp);
    GUEST_EQUAL(0x77777777, Seen.DbgEbp);
    GUEST_EQUAL(Seen.Eip, Seen.DbgEip);
    GUEST_EQUAL(KGDT_R0_CODE, Seen.SegCs & 0xFFFF);
    GUEST_TRUE(Seen.EFlags & nt::cpu::EFLAGS_CARRY);
    GUEST_TRUE(Seen.EFlags & nt::cpu::EFLAGS_INTERRUPT);
    GUEST_EQUAL(list, reinterpret_cast<ULONG_PTR>(Seen.ExceptionList));
    GUEST_EQUAL(~0u, ExceptionListInside); // no handlers of the interrupted code
    GUEST_EQUAL(list, nt::cpu::ReadExceptionList());
}

// EXC-01: a stack pointer changed in the context is the one execution goes on with
GUEST_TEST(ContextMayMoveTheStackPointerUp) {
    const VectorGuard guard;
    for (SkipBytes = 4; SkipBytes <= 64; SkipBytes += 4) {
        ULONG moved, ecx;
        __asm__ __volatile__("movl %%esp, %%esi\n\t"
                             "subl $256, %%esp\n\t"
                             "movl %%esp, %%edi\n\t"
                             "int $0x40\n\t"
                             "movl %%esp, %0\n\t"
                             "subl %%edi, %0\n\t"
                             "movl %%ecx, %1\n\t"
                             "movl %%esi, %%esp"
                             : "=&a"(moved), "=&d"(ecx)
                             :
                             : "ecx", "esi", "edi", "memory", "cc");
        GUEST_EQUAL(SkipBytes, moved);
        GUEST_EQUAL(0x5EED, ecx);
    }
    SkipBytes = 0;
}

// TRP-08: an exception belongs to the instruction, whatever the IRQL; an interrupt waits
GUEST_TEST(ExceptionsAreSynchronous) {
    nt::DispatchLevelGuard guard;
    bool handled = false;
    __try {
        RtlRaiseStatus(STATUS_INTEGER_DIVIDE_BY_ZERO);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        handled = true;
    }
    GUEST_TRUE(handled);
    GUEST_EQUAL(DISPATCH_LEVEL, KeGetCurrentIrql());
}

// TRP-09: a kernel stack that runs into its guard page is a bugcheck with a backtrace, not a triple fault
GUEST_TEST_BUGCHECK(StackOverflowIsADoubleFault, UNEXPECTED_KERNEL_MODE_TRAP) { (void)Overflow(0); }

// TRP-09, TRP-02
GUEST_TEST_BUGCHECK(FaultAtDispatchLevel, IRQL_NOT_LESS_OR_EQUAL) {
    nt::DispatchLevelGuard guard;
    (void)ReadAt(NOWHERE_IN_USER_SPACE);
}

// TRP-09, EXC-02: nobody handles it
GUEST_TEST_BUGCHECK(UnhandledFaultInUserSpace, KERNEL_MODE_EXCEPTION_NOT_HANDLED) { WriteAt(NOWHERE_IN_USER_SPACE); }

// TRP-09
GUEST_TEST_BUGCHECK(UnhandledFaultInSystemSpace, PAGE_FAULT_IN_NONPAGED_AREA) { WriteAt(NOWHERE_IN_SYSTEM_SPACE); }

// TRP-09, EXC-01
GUEST_TEST_BUGCHECK(UnhandledInvalidInstruction, KERNEL_MODE_EXCEPTION_NOT_HANDLED) { __asm__ __volatile__("ud2"); }

// TRP-09, EXC-02
GUEST_TEST_BUGCHECK(UnhandledSoftwareException, KMODE_EXCEPTION_NOT_HANDLED) { RtlRaiseStatus(STATUS_NO_MEMORY); }

// TRP-09
GUEST_TEST_BUGCHECK(DeliberateBugcheck, MANUALLY_INITIATED_CRASH) {
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

// EXC-01, TRP-08
GUEST_TEST(SelectorsOfATrapFrameAreSixteenBits) {
    KTRAP_FRAME frame = {};
    frame.SegCs = 0x8010'0008; // a processor may leave the upper half of a pushed selector as it was
    frame.SegDs = 0x8010'0010;
    CONTEXT context = {};
    context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(&frame, nullptr, &context);
    GUEST_EQUAL(0x0008, context.SegCs);
    GUEST_EQUAL(0x0010, context.SegDs);
}
