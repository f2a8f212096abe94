// Threads that run in user mode: how one begins, and how one ends that made an exception.
//
// IRQL: PASSIVE_LEVEL. In the books: "flow of CreateThread", "exception dispatching". PRC-05, EXC-04
#include "ke/usermode.h"
#include "mm.h"
#include "ps/psp.h"

namespace {

/// The first code of such a thread, entered at APC_LEVEL: kernel APCs that have come already run when the level falls.
void NTAPI PspUserThreadStartup(PKSTART_ROUTINE, PVOID) {
    KfLowerIrql(PASSIVE_LEVEL);
    KeEnterUserMode();
}

} // namespace

NTSTATUS NTAPI PspStartUserThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, CONTEXT* Context,
                                  PVOID Teb) {
    PETHREAD thread;
    PVOID stack;
    NT_TRY(PspAllocateThread(&thread, Process, Name, Priority, &stack));
    auto* const start = reinterpret_cast<PVOID>(ULONG_PTR(Context->Eip));
    thread->StartAddress = reinterpret_cast<PKSTART_ROUTINE>(start);
    KeInitializeUserThread(&thread->Tcb, stack, static_cast<UCHAR*>(stack) - KERNEL_STACK_SIZE, PspUserThreadStartup,
                           nullptr, nullptr, Context, Teb, &Process->Pcb);
    PspRunThread(thread, Priority, start, Thread);
    return STATUS_SUCCESS;
}

void NTAPI PspEndAfterException(const EXCEPTION_RECORD* Record) { PsTerminateSystemThread(Record->ExceptionCode); }
