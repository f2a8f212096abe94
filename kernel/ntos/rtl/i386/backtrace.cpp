// RtlWalkFrameChain: who called whom, read off the stack.
//
// Every function of this kernel begins with `push ebp; mov ebp, esp` (-fno-omit-frame-pointer). So EBP points to a pair
// of words: the caller's EBP, and above it the address that the function returns to.
//
//        higher addresses   | return address |  into the caller's caller
//        caller's EBP  ---> | saved EBP      |
//                           | ...            |
//                           | return address |  into the caller
//        Frame (EBP)   ---> | saved EBP      |  = address of the caller's pair
//
// Contract
//   - Callers[0] receives the return address of the pair at `Frame`, Callers[1] that of the next pair, and so on; at
//     most `Count` are stored, and nothing is written beyond Callers[n - 1] when n is returned.
//   - A pair is read only if it is aligned to the size of a pointer and lies completely in [StackLow, StackHigh).
//   - Each pair must lie above the one before: a chain that turns back or goes round in a circle ends there.
//   - The walk ends quietly at the first pair that breaks a rule. Whatever the chain looks like it never faults: this
//     code runs in a bugcheck, when the stack may be what was damaged.
// IRQL: any. Takes no lock, allocates nothing, calls nothing.
// In the books: "stack traces", "the stack frame". TRP-09, TOL-07
#include "rtl/exception.h"
#include "ke/bugcheck.h"

namespace {

/// What EBP points to in a function that has set up its frame.
struct FRAME {
    ULONG_PTR CallerFrame;
    ULONG_PTR ReturnAddress;
};

} // namespace

extern "C" ULONG NTAPI RtlWalkFrameChain(PVOID* Callers, ULONG Count, ULONG_PTR Frame, ULONG_PTR StackLow,
                                         ULONG_PTR StackHigh) {
    // LAB(0.2) begin
    ULONG stored = 0;
    ULONG_PTR lowest = StackLow; // the next pair must not lie below this
    while (stored < Count) {
        const bool aligned = Frame % sizeof(ULONG_PTR) == 0;
        // Compared as "room left", because Frame + sizeof(FRAME) could wrap around.
        const bool inside = Frame >= lowest && Frame < StackHigh && StackHigh - Frame >= sizeof(FRAME);
        if (!aligned || !inside) break;
        const FRAME* const pair = reinterpret_cast<const FRAME*>(Frame);
        Callers[stored++] = reinterpret_cast<PVOID>(pair->ReturnAddress);
        lowest = Frame + 1;
        Frame = pair->CallerFrame;
    }
    return stored;
    // LAB(0.2) else
    //| if (KiBugCheckData[0] == 0) LAB_NOT_IMPLEMENTED("0.2");
    //| return 0; // the crash screen itself asks for a stack trace
    // LAB(0.2) end
}
