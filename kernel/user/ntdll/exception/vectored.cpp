// Vectored exception handlers. Contract: user/exception.h.
//
// No lock is held while a handler runs: it may raise, add handlers and remove itself. So a handler that is asked is counted, and the last one
// that lets it go frees it.
// In the books: "exception dispatching". EXC-04
#include "ntdllp.h"

namespace {

/// A handler on the list.
/// shared: Lock guards all
struct HANDLER {
    LIST_ENTRY Link;
    PVECTORED_EXCEPTION_HANDLER Routine;
    ULONG Users; ///< 1 while it is on the list, and one for each thread that calls it
    bool Removed;
};

/// shared: Lock guards the list, and is made with the process
struct HANDLERS {
    RTL_CRITICAL_SECTION Lock;
    LIST_ENTRY Head;
};
HANDLERS Handlers;

class GUARD {
public:
    GUARD() { (void)RtlEnterCriticalSection(&Handlers.Lock); }
    ~GUARD() { (void)RtlLeaveCriticalSection(&Handlers.Lock); }
    GUARD(const GUARD&) = delete;
    GUARD& operator=(const GUARD&) = delete;
};

/// With the lock held.
void Release(HANDLER* handler) {
    if (--handler->Users != 0) return;
    RemoveEntryList(&handler->Link);
    (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, handler);
}

/// The handler behind `handler`, counted; `handler` itself is let go. @param handler nullptr: the first one is wanted
HANDLER* Next(HANDLER* handler) {
    GUARD guard;
    LIST_ENTRY* link = handler ? handler->Link.Flink : Handlers.Head.Flink;
    HANDLER* next = nullptr;
    for (; link != &Handlers.Head && !next; link = link->Flink) {
        HANDLER* const each = CONTAINING_RECORD(link, HANDLER, Link);
        if (!each->Removed) next = each;
    }
    if (next) next->Users++;
    if (handler) Release(handler);
    return next;
}

} // namespace

void RtlpInitializeVectoredHandlers() {
    (void)RtlInitializeCriticalSection(&Handlers.Lock);
    InitializeListHead(&Handlers.Head);
}

bool RtlpCallVectoredHandlers(EXCEPTION_RECORD* record, CONTEXT* context) {
    if (!Handlers.Head.Flink || IsListEmpty(&Handlers.Head)) return false;
    EXCEPTION_POINTERS pointers{record, context};
    for (HANDLER* handler = Next(nullptr); handler; handler = Next(handler)) {
        if (handler->Routine(&pointers) != EXCEPTION_CONTINUE_EXECUTION) continue;
        GUARD guard;
        Release(handler);
        return true;
    }
    return false;
}

extern "C" {

PVOID NTAPI RtlAddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler) {
    auto* const made = static_cast<HANDLER*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, sizeof(HANDLER)));
    if (!made) return nullptr;
    made->Routine = Handler;
    made->Users = 1;
    made->Removed = false;
    GUARD guard;
    if (First)
        InsertHeadList(&Handlers.Head, &made->Link);
    else
        InsertTailList(&Handlers.Head, &made->Link);
    return made;
}

ULONG NTAPI RtlRemoveVectoredExceptionHandler(PVOID Handle) {
    GUARD guard;
    for (LIST_ENTRY* link = Handlers.Head.Flink; link != &Handlers.Head; link = link->Flink) {
        HANDLER* const each = CONTAINING_RECORD(link, HANDLER, Link);
        if (each != Handle || each->Removed) continue;
        each->Removed = true;
        Release(each);
        return 1;
    }
    return 0;
}
}
