// RtlWalkFrames: which routine called which, read off the stack.
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
// Locks: none. IRQL: any. The code runs in a bugcheck too, when the stack may be what was damaged.
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

/// Collects return addresses: Callers[0] is that of the pair at `Frame`, Callers[1] that of the next pair, and so on.
///
/// - A pair counts only if its address is a multiple of the size of a pointer and both its words lie in
///   [StackLow, StackHigh). Only such a pair is read.
/// - Each pair lies above the one before. A chain that turns back or goes round in a circle ends there.
/// - The chain ends at the first pair that breaks a rule, without a fault, whatever the chain looks like.
/// - The routine takes no lock, allocates nothing and calls nothing.
/// @param Count of entries that `Callers` has room for; more are not stored.
/// @returns how many are stored: n. The memory behind Callers[n - 1] is as it was.
extern "C" ULONG NTAPI RtlWalkFrames(PVOID* Callers, ULONG Count, ULONG_PTR Frame, ULONG_PTR StackLow,
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
