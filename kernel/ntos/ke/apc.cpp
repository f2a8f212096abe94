// KiDeliverApc: where the software interrupt at APC_LEVEL leads.
//
// Nothing queues APCs yet (KeInsertQueueApc comes with the synchronization lab), so a thread's queues are empty and the
// interrupt only takes its request back. In the books: "software interrupts: APCs". INT-10
#include "ke.h"
#include "hal.h"

extern "C" void NTAPI KiDeliverApc(KPROCESSOR_MODE, KEXCEPTION_FRAME*, KTRAP_FRAME*) {
    KAPC_STATE& state = KeGetCurrentThread()->ApcState;
    NT_ASSERT(IsListEmpty(&state.ApcListHead[ULONG(KernelMode)]));
    state.KernelApcPending = FALSE;
}
