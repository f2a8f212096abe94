// What the run-time library leaves to its surroundings: memory for strings, and what a broken contract does.
//
// In the kernel that is pool and a bugcheck; here it is the process's heap, and the end of the process.
// In the books: "executive support: run-time library". EXE-01
#include "ntdllp.h"

extern "C" {

PVOID NTAPI RtlAllocateStringRoutine(SIZE_T NumberOfBytes) {
    return RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, NumberOfBytes);
}

void NTAPI RtlFreeStringRoutine(PVOID Buffer) { (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, Buffer); }

void NTAPI RtlAssert(PCSTR Expression, PCSTR File, ULONG Line, PCSTR Message) {
    (void)DbgPrint("%s:%u: broken contract: %s %s\n", File, Line, Expression, Message ? Message : "");
    RtlRaiseStatus(STATUS_ASSERTION_FAILURE);
}
}
