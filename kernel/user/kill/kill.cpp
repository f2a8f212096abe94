// kill ID [STATUS]: ends a process, from outside.
//
// In the books: "process termination". PRC-10
#include "user/processlist.h"
#include "user/program.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    ULONG id, status = 1;
    if (words.Count() < 2 || !nt::ReadId(words[1], &id) || (words.Count() > 2 && !nt::ReadId(words[2], &status))) {
        nt::Print("kill ID [STATUS]: the process with this ID ends with this status; `ps` shows IDs\n");
        return STATUS_INVALID_PARAMETER;
    }
    HANDLE process;
    NT_TRY(nt::OpenProcess(id, PROCESS_TERMINATE | SYNCHRONIZE, &process));
    NT_TRY(NtTerminateProcess(process, static_cast<NTSTATUS>(status)));
    return NtWaitForSingleObject(process, FALSE, nullptr);
}
