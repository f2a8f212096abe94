// Arguments of a service that could not be read.
//
// In the books: "system service dispatching", "probing and capturing parameters". TRP-06
#include "ki386.h"

extern "C" {
extern const UCHAR KiCopyArguments[], KiServiceReturn[]; // servicecall.S
}

/// Says whether an exception of kernel mode is that user mode's arguments could not be read: only at _KiCopyArguments, and only in a service
/// that user mode called. The kernel's own arguments are there, or the kernel is wrong. If so, the frame goes on at _KiServiceReturn, and the
/// service returns `code`. Any other exception is somebody else's: false, and the frame is as it was.
bool KiServiceArgumentFault(KTRAP_FRAME& frame, NTSTATUS code) {
    // LAB(1.7) begin
    if (frame.Eip != reinterpret_cast<ULONG_PTR>(KiCopyArguments)) return false;
    const auto* const service = reinterpret_cast<const KTRAP_FRAME*>(ULONG_PTR(frame.Ebp));
    if (KiPreviousMode(*service) == KernelMode) return false;
    frame.Eax = static_cast<ULONG>(code);
    frame.Eip = ULONG(reinterpret_cast<ULONG_PTR>(KiServiceReturn));
    return true;
    // LAB(1.7) else
    //| (void)frame;
    //| (void)code;
    //| LAB_NOT_IMPLEMENTED("1.7");
    // LAB(1.7) end
}
