// Processes: how one is created from user mode.
//
// In the books: "flow of CreateProcess". PRC-05
#pragma once

#include "mm/section.h"
#include "ps/peb.h"

/// What RtlCreateUserProcess tells (documented layout).
struct RTL_USER_PROCESS_INFORMATION {
    ULONG Length;
    HANDLE Process;
    HANDLE Thread; ///< it has not begun: NtResumeThread
    CLIENT_ID ClientId;
    SECTION_IMAGE_INFORMATION ImageInformation;
};
PUBLIC_SIZE(RTL_USER_PROCESS_INFORMATION, 68);

extern "C" {
/// Makes a process with a first thread, which is suspended. @param NtImagePathName of the file. @param Attributes of the open, OBJ_*.
/// @param ProcessParameters of RtlCreateProcessParameters; copied, with the environment that they name. @param ProcessSecurityDescriptor,
/// ThreadSecurityDescriptor, DebugPort, ExceptionPort nullptr. @param ParentProcess nullptr: the caller's. @param InheritHandles whether
/// the process gets the inheritable ones. @returns STATUS_SUCCESS; as NtOpenFile, NtCreateSection, NtCreateProcessEx, NtCreateThread;
/// STATUS_INVALID_IMAGE_FORMAT: it is a DLL
NTKERNELAPI NTSTATUS NTAPI RtlCreateUserProcess(PUNICODE_STRING NtImagePathName, ULONG Attributes,
                                                RTL_USER_PROCESS_PARAMETERS* ProcessParameters,
                                                PVOID ProcessSecurityDescriptor, PVOID ThreadSecurityDescriptor,
                                                HANDLE ParentProcess, BOOLEAN InheritHandles, HANDLE DebugPort,
                                                HANDLE ExceptionPort, RTL_USER_PROCESS_INFORMATION* ProcessInformation);
}
