// What each of the processor's own vectors means: exceptions become exception records, the rest is a bugcheck.
//
// Runs on the interrupted thread's kernel stack, entered with interrupts off. Exceptions are synchronous: they belong
// to the code at Eip, run at its IRQL and get its interrupt flag back before any handler is asked.
// In the books: "trap dispatching: exceptions", "interrupts and exceptions". EXC-01, TRP-02, TRP-08
#include "ki386.h"

namespace {

/// Vectors of the processor, as its manual numbers them.
enum TrapVector : ULONG {
    DivideError = 0,
    Debug = 1,
    Breakpoint = 3,
    Overflow = 4,
    BoundRange = 5,
    InvalidOpcode = 6,
    DeviceNotAvailable = 7,
    InvalidTss = 10,
    SegmentNotPresent = 11,
    StackFault = 12,
    GeneralProtection = 13,
    PageFault = 14,
    FloatingPoint = 16,
    AlignmentCheck = 17,
    MachineCheck = 18,
    SimdFloatingPoint = 19,
};

constexpr ULONG_PTR UNKNOWN_ADDRESS = ~ULONG_PTR(0); ///< #GP does not tell which address was meant

} // namespace

void KiGiveInterruptsBack(const KTRAP_FRAME& frame) {
    if (frame.EFlags & nt::cpu::EFLAGS_INTERRUPT) nt::cpu::EnableInterrupts();
}

void KiDispatchTrapException(KTRAP_FRAME& frame, NTSTATUS code, ULONG parameters, ULONG_PTR parameter0,
                             ULONG_PTR parameter1, ULONG_PTR parameter2) {
    EXCEPTION_RECORD record{};
    record.ExceptionCode = code;
    record.ExceptionAddress = reinterpret_cast<PVOID>(frame.Eip);
    record.NumberParameters = parameters;
    record.ExceptionInformation[0] = parameter0;
    record.ExceptionInformation[1] = parameter1;
    record.ExceptionInformation[2] = parameter2;
    KiGiveInterruptsBack(frame);
    KiDispatchException(&record, nullptr, &frame, KiPreviousMode(frame), TRUE);
}

namespace {

void ProtectionFault(KTRAP_FRAME& frame, bool user) {
    KiGiveInterruptsBack(frame);
    if (user && KiIsPrivilegedInstruction(frame)) return KiDispatchTrapException(frame, STATUS_PRIVILEGED_INSTRUCTION);
    KiDispatchTrapException(frame, STATUS_ACCESS_VIOLATION, 2, 0, UNKNOWN_ADDRESS);
}

} // namespace

extern "C" void NTAPI KiTrap(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    KTRAP_FRAME& frame = *TrapFrame;
    if (Vector >= PRIMARY_VECTOR_BASE) return KiDispatchInterruptVector(frame, Vector);
    if (Vector == PageFault) return KiPageFault(frame, nt::cpu::ReadCr2()); // the most frequent one
    const bool user = KiPreviousMode(frame) == UserMode;

    switch (Vector) {
    case DivideError: return KiDispatchTrapException(frame, STATUS_INTEGER_DIVIDE_BY_ZERO);
    case Debug:
        if (!user && KiIsStepIntoService(frame)) return;
        return KiDispatchTrapException(frame, STATUS_SINGLE_STEP);
    case Breakpoint:
        --frame.Eip; // the exception is at the int3, not behind it; its handler moves on
        return KiDispatchTrapException(frame, STATUS_BREAKPOINT);
    case Overflow: return KiDispatchTrapException(frame, STATUS_INTEGER_OVERFLOW);
    case BoundRange: return KiDispatchTrapException(frame, STATUS_ARRAY_BOUNDS_EXCEEDED);
    case InvalidOpcode: return KiDispatchTrapException(frame, STATUS_ILLEGAL_INSTRUCTION);
    case DeviceNotAvailable:
        if (user) return KiLoadUserNpx();
        break; // the kernel uses them between KeSaveFloatingPointState and KeRestoreFloatingPointState only
    case FloatingPoint:
        if (user) return KiDispatchTrapException(frame, KiUserNpxError());
        break;
    case SimdFloatingPoint:
        if (user) return KiDispatchTrapException(frame, STATUS_FLOAT_MULTIPLE_TRAPS);
        break;
    case InvalidTss:
    case SegmentNotPresent:
    case StackFault:
        if (!user) break;
        [[fallthrough]]; // user mode used a selector that it may not use
    case GeneralProtection: return ProtectionFault(frame, user);
    case AlignmentCheck: return KiDispatchTrapException(frame, STATUS_DATATYPE_MISALIGNMENT);
    case MachineCheck: KeBugCheck2(MACHINE_CHECK_EXCEPTION, 0, 0, 0, 0, &frame);
    default: break;
    }
    KeBugCheck2(UNEXPECTED_KERNEL_MODE_TRAP, Vector, frame.ErrCode, frame.Eip, 0, &frame);
}
