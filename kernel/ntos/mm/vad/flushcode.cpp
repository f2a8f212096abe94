// NtFlushInstructionCache: code that was written is what processors execute.
//
// These processors see writes to code by themselves, but one may have fetched instructions of before. An interrupt's return makes it
// fetch anew; so does a change of address spaces. So only processors that run the process now are interrupted.
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: the processor manual, "self-modifying code". MEM-04
#include "ke.h"
#include "ke/flushtb.h"
#include "mm/targetprocess.h"
#include "mm/virtual.h"
#include "ps/process.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

extern "C" NTSTATUS NTAPI NtFlushInstructionCache(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T Length) {
    if (ExGetPreviousMode() != KernelMode && BaseAddress) {
        __try {
            ProbeForRead(BaseAddress, Length, 1);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return GetExceptionCode();
        }
    }
    MI_TARGET_PROCESS process;
    NT_TRY(process.Open(ProcessHandle, PROCESS_VM_WRITE, ExGetPreviousMode()));
    KeFlushProcessTb(&process.Get()->Pcb); // its interrupts do what is needed, and more
    return STATUS_SUCCESS;
}
