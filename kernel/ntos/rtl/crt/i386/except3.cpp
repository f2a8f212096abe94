// _except_handler3: the handler of every function that contains a __try.
//
// The compiler lays down, in each such function, a registration with a scope table and a level: the number of the
// innermost __try that execution is in, -1 outside of all. Scopes nest: each entry names the enclosing one.
//
//        EBP for filters and handlers --> +16
//        Level                            +12   which scope execution is in now
//        ScopeTable                        +8
//        registration   { Next, Handler }  +0   <-- fs:[0], establisher frame
//        pointers for filters              -4
//        saved ESP                         -8   what an __except block starts with
//
// Invariant: the level is lowered before a termination handler is called. So an exception or a second unwind that comes
// out of a __finally block goes on with the enclosing scope, and no block runs twice.
// In the books: "exception dispatching: frame-based handlers", "termination handlers". EXC-03
#include "rtl/exception.h"

namespace {

struct SCOPE_ENTRY {
    LONG EnclosingLevel;
    PVOID Filter;  ///< nullptr: a termination handler (__finally, or the destructors of a scope)
    PVOID Handler; ///< the __except block or the termination handler
};

constexpr LONG OUTSIDE = -1;

struct SEH_FRAME {
    PVOID SavedEsp;
    EXCEPTION_POINTERS* ExceptionPointers;
    EXCEPTION_REGISTRATION_RECORD Registration;
    const SCOPE_ENTRY* ScopeTable;
    LONG Level;

    [[nodiscard]] PVOID End() { return this + 1; }
};
static_assert(offsetof(SEH_FRAME, Registration) == 8 && sizeof(SEH_FRAME) == 24);

} // namespace

extern "C" {
LONG FASTCALL CrtpCallInFrame(PVOID routine, PVOID frameEnd);
[[noreturn]] void FASTCALL CrtpContinueInFrame(PVOID handler, PVOID frameEnd);
}

/// Leaves scopes, innermost first, until execution is at `level`: the __finally blocks on the way run.
static void LocalUnwind(SEH_FRAME& frame, LONG level) {
    while (frame.Level != level && frame.Level != OUTSIDE) {
        const SCOPE_ENTRY& scope = frame.ScopeTable[frame.Level];
        frame.Level = scope.EnclosingLevel;
        if (!scope.Filter) CrtpCallInFrame(scope.Handler, frame.End());
    }
}

/// Everything inside the scope ends: frames called from it first, then this function's own inner scopes.
[[noreturn]] static void TakeException(SEH_FRAME& frame, LONG level, EXCEPTION_RECORD* record) {
    RtlUnwind(&frame.Registration, nullptr, record, nullptr);
    LocalUnwind(frame, level);
    const SCOPE_ENTRY& scope = frame.ScopeTable[level];
    frame.Level = scope.EnclosingLevel;
    CrtpContinueInFrame(scope.Handler, frame.End());
}

extern "C" EXCEPTION_DISPOSITION CDECL _except_handler3(EXCEPTION_RECORD* Record, PVOID EstablisherFrame,
                                                        CONTEXT* Context, PVOID) {
    SEH_FRAME& frame = *CONTAINING_RECORD(EstablisherFrame, SEH_FRAME, Registration);
    if (Record->ExceptionFlags & EXCEPTION_UNWIND) {
        LocalUnwind(frame, OUTSIDE);
        return EXCEPTION_DISPOSITION::ExceptionContinueSearch;
    }
    EXCEPTION_POINTERS pointers{Record, Context};
    frame.ExceptionPointers = &pointers;
    for (LONG level = frame.Level; level != OUTSIDE; level = frame.ScopeTable[level].EnclosingLevel) {
        const SCOPE_ENTRY& scope = frame.ScopeTable[level];
        if (!scope.Filter) continue;
        const LONG decision = CrtpCallInFrame(scope.Filter, frame.End());
        if (decision < 0) return EXCEPTION_DISPOSITION::ExceptionContinueExecution;
        if (decision > 0) TakeException(frame, level, Record);
    }
    return EXCEPTION_DISPOSITION::ExceptionContinueSearch;
}
