// The loader: DLLs at run time.
//
// A DLL is found among the sections of \KnownDlls and the files of \Boot, by its name alone: a path in front is not looked at, and a name
// without an extension gets .dll. Names are compared in any case. A DLL that is loaded again is counted.
// Locks: all routines take the loader lock (PEB::LoaderLock), and DllMain runs with it. IRQL: PASSIVE_LEVEL.
// In the books: "image loader". BOO-01
#pragma once

#include "ldr.h"
#include "ldr/processmodules.h"
#include "ntstatus.h"
#include "rtl/ustring.h"

// Why DllMain and TLS callbacks are called (documented values).
constexpr ULONG DLL_PROCESS_DETACH = 0;
constexpr ULONG DLL_PROCESS_ATTACH = 1;
constexpr ULONG DLL_THREAD_ATTACH = 2;
constexpr ULONG DLL_THREAD_DETACH = 3;

extern "C" {
/// Loads a DLL with all that it imports from, and calls their DllMains. @param DllPath, DllCharacteristics not looked at.
/// @param DllHandle receives the base. @returns STATUS_SUCCESS; STATUS_DLL_NOT_FOUND, STATUS_ENTRYPOINT_NOT_FOUND,
/// STATUS_ORDINAL_NOT_FOUND: it, or what it imports; a message on the console names that; STATUS_DLL_INIT_FAILED: a DllMain refused;
/// STATUS_INVALID_IMAGE_FORMAT; as NtCreateSection, NtMapViewOfSection
NTKERNELAPI NTSTATUS NTAPI LdrLoadDll(PCWSTR DllPath, ULONG* DllCharacteristics, const UNICODE_STRING* DllName,
                                      PVOID* DllHandle);
/// Counts a DLL and what it imports from once less; what nobody counts any more goes, after its DllMain. @returns STATUS_SUCCESS;
/// STATUS_DLL_NOT_FOUND
NTKERNELAPI NTSTATUS NTAPI LdrUnloadDll(PVOID DllHandle);
/// Finds a DLL that is loaded; its count stays. @returns STATUS_SUCCESS; STATUS_DLL_NOT_FOUND
NTKERNELAPI NTSTATUS NTAPI LdrGetDllHandle(PCWSTR DllPath, ULONG* DllCharacteristics, const UNICODE_STRING* DllName,
                                           PVOID* DllHandle);
/// Finds an export. @param Name nullptr: the one of `Ordinal`. @returns STATUS_SUCCESS; STATUS_ENTRYPOINT_NOT_FOUND,
/// STATUS_ORDINAL_NOT_FOUND; STATUS_DLL_NOT_FOUND: the handle, or a forwarder's DLL
NTKERNELAPI NTSTATUS NTAPI LdrGetProcedureAddress(PVOID DllHandle, const STRING* Name, ULONG Ordinal,
                                                  PVOID* ProcedureAddress);
/// The DLL is not called any more when threads begin and end. @returns STATUS_SUCCESS; STATUS_DLL_NOT_FOUND
NTKERNELAPI NTSTATUS NTAPI LdrDisableThreadCalloutsForDll(PVOID DllHandle);
/// Calls all DLLs at the end of the running thread, which ends next: RtlExitUserThread.
NTKERNELAPI void NTAPI LdrShutdownThread();
/// Calls all DLLs at the end of the process: RtlExitUserProcess.
NTKERNELAPI void NTAPI LdrShutdownProcess();
}
