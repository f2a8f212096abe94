// The program's end: exit and what runs before it, abort, signals. Contract: the C standard.
//
// Locks: EndRoutines, for the list; no routine is called while it is held.
#include "crt.h"

#include "user/thread.h"

namespace {

/// A routine to call at the end; the newest is first.
struct END_ROUTINE {
    END_ROUTINE* Next;
    CRT_END_ROUTINE Routine;
};
END_ROUTINE* EndRoutines; // shared: under CRT_LOCK::EndRoutines

constexpr int SIGABRT = 22, SIGNALS = 23, ABORT_STATUS = 3; ///< documented
using SIGNAL_HANDLER = void(CDECL*)(int);
const auto SIG_DFL = reinterpret_cast<SIGNAL_HANDLER>(0), SIG_IGN = reinterpret_cast<SIGNAL_HANDLER>(1),
           SIG_ERR = reinterpret_cast<SIGNAL_HANDLER>(-1);
SIGNAL_HANDLER Handlers[SIGNALS]; // shared: each a word of its own

END_ROUTINE* TakeEndRoutine() {
    const CRT_GUARD guard(CRT_LOCK::EndRoutines);
    END_ROUTINE* const first = EndRoutines;
    if (first) EndRoutines = first->Next;
    return first;
}

} // namespace

extern "C" {

/// @returns the routine; nullptr: memory is short
CRT_END_ROUTINE CDECL _onexit(CRT_END_ROUTINE routine) {
    auto* const entry = static_cast<END_ROUTINE*>(malloc(sizeof(END_ROUTINE)));
    if (!entry) return nullptr;
    const CRT_GUARD guard(CRT_LOCK::EndRoutines);
    *entry = {EndRoutines, routine};
    EndRoutines = entry;
    return routine;
}

/// What exit does, without the end. A routine may register another one.
void CDECL _cexit() {
    while (END_ROUTINE* const entry = TakeEndRoutine()) {
        const CRT_END_ROUTINE routine = entry->Routine;
        free(entry);
        (void)routine();
    }
    CrtFlushAll();
}
void CDECL _c_exit() {} // nothing is to be done but what _cexit does

[[noreturn]] void CDECL _exit(int status) { RtlExitUserProcess(static_cast<NTSTATUS>(status)); }
[[noreturn]] void CDECL exit(int status) {
    _cexit();
    _exit(status);
}

/// @returns the handler before, or SIG_ERR
SIGNAL_HANDLER CDECL signal(int number, SIGNAL_HANDLER handler) {
    if (number <= 0 || number >= SIGNALS) {
        *_errno() = EINVAL;
        return SIG_ERR;
    }
    const SIGNAL_HANDLER before = Handlers[number];
    Handlers[number] = handler;
    return before;
}

/// A handler is called once: before it runs, the signal is as it was at first. Without one the program ends.
int CDECL raise(int number) {
    if (number <= 0 || number >= SIGNALS) {
        *_errno() = EINVAL;
        return -1;
    }
    const SIGNAL_HANDLER handler = Handlers[number];
    if (handler == SIG_IGN) return 0;
    if (handler == SIG_DFL) _exit(ABORT_STATUS);
    Handlers[number] = SIG_DFL;
    handler(number);
    return 0;
}

[[noreturn]] void CDECL abort() {
    (void)raise(SIGABRT);
    _exit(ABORT_STATUS);
}

/// What the macro assert calls where its condition does not hold.
[[noreturn]] void CDECL _assert(const char* condition, const char* file, ULONG line) {
    (void)fprintf(&_iob[2], "Assertion failed: %s, file %s, line %u\n", condition, file, line);
    abort();
}
}
