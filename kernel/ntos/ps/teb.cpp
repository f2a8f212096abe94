// The thread environment block, from the kernel's side: made with a thread, freed with it.
//
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "thread environment block". PRC-08
#include "ke.h"
#include "mm/faults.h"
#include "ps/attach.h"
#include "ps/psp.h"

namespace {

/// Writes what is not 0. @param self where the TEB lies
NTSTATUS Fill(TEB* self, const INITIAL_TEB& stack, const CLIENT_ID& id, PEB* peb) {
    const NT_TIB tib = {
        .ExceptionList = reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(~ULONG_PTR(0)), // the chain's end
        .StackBase = stack.StackBase,
        .StackLimit = stack.StackLimit,
        .SubSystemTib = nullptr,
        .FiberData = nullptr,
        .ArbitraryUserPointer = nullptr,
        .Self = &self->NtTib,
    };
    const UNICODE_STRING text = {
        .Length = 0, .MaximumLength = sizeof(self->StaticUnicodeBuffer), .Buffer = self->StaticUnicodeBuffer};
    NT_TRY(PspWriteUser(&self->NtTib, &tib, sizeof(tib)));
    NT_TRY(PspWriteUser(&self->ClientId, &id, sizeof(id)));
    NT_TRY(PspWriteUser(&self->ProcessEnvironmentBlock, &peb, sizeof(PVOID)));
    NT_TRY(PspWriteUser(&self->StaticUnicodeString, &text, sizeof(text)));
    return PspWriteUser(&self->DeallocationStack, &stack.AllocatedStackBase, sizeof(PVOID));
}

} // namespace

NTSTATUS PspCreateTeb(PETHREAD Thread, const INITIAL_TEB& Stack) {
    EPROCESS* const process = Thread->ThreadsProcess;
    const CLIENT_ID id = PspClientIdOf(Thread);
    const PSP_ATTACH attached(process);
    PVOID memory;
    NT_TRY(PspAllocateUser(sizeof(TEB), &memory));
    auto* const teb = static_cast<TEB*>(memory);
    const NTSTATUS status = Fill(teb, Stack, id, process->Peb);
    if (!NT_SUCCESS(status)) {
        PspFreeUser(memory);
        return status;
    }
    MmMarkUserStack(Stack.AllocatedStackBase);
    Thread->Teb = teb;
    return STATUS_SUCCESS;
}

void PspDeleteTeb(PETHREAD Thread) {
    TEB* const teb = Thread->Teb;
    if (!teb) return;
    Thread->Teb = nullptr;
    Thread->Tcb.Teb = nullptr;
    const PSP_ATTACH attached(Thread->ThreadsProcess);
    BOOLEAN freesStack = FALSE;
    PVOID stack = nullptr;
    const bool read = NT_SUCCESS(PspReadUser(&freesStack, &teb->FreeStackOnTermination, sizeof(freesStack))) &&
                      NT_SUCCESS(PspReadUser(&stack, &teb->DeallocationStack, sizeof(stack)));
    if (read && freesStack) PspFreeUser(stack);
    PspFreeUser(teb);
}
