// The two processes of this kernel: Idle (PID 0) and System (PID 4). SYS-01, SYS-02
#include "ke/usermode.h"
#include "mm.h"
#include "nt/atomic.h"
#include "ps/dbgk/dbgk.h"
#include "ps/job/pspjob.h"
#include "ps/psp.h"
#include "rtl/string.h"

namespace {
OB_STATIC_OBJECT<EPROCESS> IdleProcess;
OB_STATIC_OBJECT<EPROCESS> SystemProcess;
volatile LONG LastId = LONG(SYSTEM_PROCESS_ID);
constexpr KPRIORITY SystemBasePriority = 8;

void InitializeProcess(EPROCESS* process, ULONG id, PCSTR name, KPRIORITY basePriority) {
    ULONG_PTR directory[2] = {MmGetPageDirectory(), MmGetHyperspaceTable()};
    KeInitializeProcess(&process->Pcb, basePriority, ~KAFFINITY(0), directory);
    MmInitializeAddressSpace(&process->AddressSpace, directory[0]);
    ObInitializeStaticObject(process, PsProcessType);
    process->UniqueProcessId = id;
    InsertTailList(&PsActiveProcessHead, &process->ActiveProcessLinks);
    (void)RtlStringCbPrintf(process->ImageFileName, sizeof(process->ImageFileName), "%s", name); // a constant that fits
}
} // namespace

EPROCESS* PsIdleProcess = &IdleProcess.Body;
EPROCESS* PsInitialSystemProcess = &SystemProcess.Body;
constinit LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};

ULONG PspNextId() { return ULONG(InterlockedExchangeAdd(&LastId, ID_STEP)) + ID_STEP; }

BOOLEAN NTAPI PsInitSystem(ULONG Phase) {
    if (Phase == 0) {
        if (!NT_SUCCESS(PspCreateTypes())) return FALSE;
        InitializeProcess(PsIdleProcess, 0, "Idle", LOW_PRIORITY);
        InitializeProcess(PsInitialSystemProcess, SYSTEM_PROCESS_ID, "System", SystemBasePriority);
        return TRUE;
    }
    KeSetUnhandledUserException(PspEndAfterException);
    return NT_SUCCESS(DbgkInitialize()) && NT_SUCCESS(PspInitializeJobs()) &&
           NT_SUCCESS(ObInitProcess(nullptr, PsInitialSystemProcess)) && NT_SUCCESS(PspInitializeReaper());
}
