// __CxxFrameHandler3, for cleanups only: the destructors of a function's guards run when an exception unwinds it.
//
// This kernel has no throw and no catch. But a function that holds a spin lock through a guard and calls something that
// raises must free the lock on the way out; the compiler registers this handler for every function that has such an
// object. The state says which objects are alive; each entry of the map destroys one and names the state after it.
//
//        EBP for cleanups --> +12
//        State                 +8
//        registration          +0   <-- establisher frame
// In the books: "exception dispatching: unwinding". EXC-03
#include "rtl/exception.h"

namespace {

struct UNWIND_ENTRY {
    LONG NextState;
    PVOID Cleanup; ///< nullptr: only the state changes
};

/// What the compiler says about a function; the tables for catch blocks, which follow, are empty here.
struct FUNCTION_INFO {
    ULONG Magic;
    LONG StateCount;
    const UNWIND_ENTRY* UnwindMap;
};

constexpr LONG NOTHING_ALIVE = -1;

struct CLEANUP_FRAME {
    EXCEPTION_REGISTRATION_RECORD Registration;
    LONG State;

    [[nodiscard]] PVOID End() { return this + 1; }
};
static_assert(sizeof(CLEANUP_FRAME) == 12);

} // namespace

extern "C" LONG FASTCALL CrtpCallInFrame(PVOID routine, PVOID frameEnd);

/// Called by __CxxFrameHandler3 (sehframe.S).
extern "C" EXCEPTION_DISPOSITION NTAPI CrtpCleanupFrame(EXCEPTION_RECORD* record, CLEANUP_FRAME* frame,
                                                        const FUNCTION_INFO* function) {
    if (record->ExceptionFlags & EXCEPTION_UNWIND) {
        while (frame->State != NOTHING_ALIVE) {
            const UNWIND_ENTRY& entry = function->UnwindMap[frame->State];
            frame->State = entry.NextState; // first: a cleanup that raises is not run again
            if (entry.Cleanup) CrtpCallInFrame(entry.Cleanup, frame->End());
        }
    }
    return EXCEPTION_DISPOSITION::ExceptionContinueSearch;
}
