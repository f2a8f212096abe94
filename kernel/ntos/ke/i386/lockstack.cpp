// Which code acquired a lock: the return addresses above the caller. Checked builds only.
//
// Not RtlWalkFrames, which may be an exercise that is not written yet: locks are acquired from the first thread on.
// IRQL: <= APC_LEVEL, in a thread. DSP-20
#include "ke/ki/lockrecords.h"

#if defined(MICA_CHECKED)
namespace {

/// What EBP points to in a function that has set up its frame.
struct FRAME {
    const FRAME* Caller;
    ULONG_PTR ReturnAddress;
};

} // namespace

__attribute__((noinline)) void KiCaptureStack(ULONG_PTR (&Stack)[LOCK_STACK_FRAMES]) {
    const KTHREAD* const thread = KeGetCurrentThread();
    const auto* const top = static_cast<const FRAME*>(thread->InitialStack);
    const auto* frame = static_cast<const FRAME*>(__builtin_frame_address(0))->Caller;
    for (ULONG_PTR& address : Stack) {
        const bool inside = frame > __builtin_frame_address(0) && frame + 1 <= top;
        address = inside ? frame->ReturnAddress : 0;
        if (inside) frame = frame->Caller > frame ? frame->Caller : nullptr;
    }
}
#endif
