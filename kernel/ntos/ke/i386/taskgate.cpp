// A double fault and an NMI: the bugcheck comes from a stack of its own.
//
// The commonest double fault is a kernel stack that ran into its guard page: the page fault cannot push its frame. The
// processor then leaves the stack altogether, through the task gate; the registers of the moment are in the ordinary
// TSS, from which a trap frame is made for the bugcheck to show.
// In the books: "kernel stacks: guard page", "unexpected kernel mode trap". TRP-09
#include "ki386.h"

constexpr ULONG NMI_VECTOR = 2;

static KTRAP_FRAME FrameOfTask(const KTSS& tss) {
    KTRAP_FRAME frame{};
    frame.DbgEbp = frame.Ebp = tss.Ebp;
    frame.DbgEip = frame.Eip = tss.Eip;
    frame.DbgArgMark = TF_ARG_MARK;
    frame.TempEsp = tss.Esp;
    frame.SegGs = tss.Gs;
    frame.SegEs = tss.Es;
    frame.SegDs = tss.Ds;
    frame.SegFs = tss.Fs;
    frame.SegCs = tss.Cs;
    frame.Edx = tss.Edx;
    frame.Ecx = tss.Ecx;
    frame.Eax = tss.Eax;
    frame.Edi = tss.Edi;
    frame.Esi = tss.Esi;
    frame.Ebx = tss.Ebx;
    frame.EFlags = tss.EFlags;
    return frame;
}

extern "C" void NTAPI KiTaskGateTrap(ULONG Vector) {
    KTSS& interrupted = *KeGetPcr()->TSS;
    KTRAP_FRAME frame = FrameOfTask(interrupted);
    const auto tss = reinterpret_cast<ULONG_PTR>(&interrupted);
    if (Vector == NMI_VECTOR) KeBugCheck2(NMI_HARDWARE_FAILURE, tss, 0, 0, 0, &frame);
    KeBugCheck2(UNEXPECTED_KERNEL_MODE_TRAP, Vector, tss, nt::cpu::ReadCr2(), 0, &frame);
}
