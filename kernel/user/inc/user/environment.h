// Environment and parameters of a process.
//
// An environment is a block of texts NAME=value, each with its 0; an empty text ends it. It lies in the process's heap or where the creator
// has put it. Names are compared in any case. A name may begin with '=' (directories of drives do).
// Locks: a nullptr as environment means the process's own, under PEB::FastPebLock. IRQL: PASSIVE_LEVEL.
// In the books: "process parameters", "environment". PRC-04
#pragma once

#include "ps/peb.h"
#include "ntstatus.h"

extern "C" {
/// Makes an environment. @param CloneCurrent a copy of the process's; else an empty one. @returns STATUS_SUCCESS; STATUS_NO_MEMORY
NTKERNELAPI NTSTATUS NTAPI RtlCreateEnvironment(BOOLEAN CloneCurrent, PWSTR* Environment);
/// Frees what RtlCreateEnvironment has made.
NTKERNELAPI NTSTATUS NTAPI RtlDestroyEnvironment(PWSTR Environment);
/// Finds a variable. @param Environment nullptr: the process's. @param Value its buffer receives the value, with a 0 if there is room; Length:
/// the bytes without it. @returns STATUS_SUCCESS; STATUS_VARIABLE_NOT_FOUND; STATUS_BUFFER_TOO_SMALL: Length says how many bytes are needed
NTKERNELAPI NTSTATUS NTAPI RtlQueryEnvironmentVariable_U(PWSTR Environment, PCUNICODE_STRING Name,
                                                         PUNICODE_STRING Value);
/// Sets a variable. @param Environment in and out: the block, which may move; nullptr: the process's. @param Value nullptr: it goes.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the name is empty or has a '='; STATUS_NO_MEMORY
NTKERNELAPI NTSTATUS NTAPI RtlSetEnvironmentVariable(PWSTR* Environment, PCUNICODE_STRING Name, PCUNICODE_STRING Value);

/// Makes a block of parameters, which RtlDestroyProcessParameters frees. Its strings are offsets until RtlNormalizeProcessParams makes addresses
/// of them. @param DllPath and the others may be nullptr: empty; CurrentDirectory: the process's own; CommandLine: the image's name.
/// @param Environment nullptr: the process's own; only its address is noted. @returns STATUS_SUCCESS; STATUS_NO_MEMORY
NTKERNELAPI NTSTATUS NTAPI RtlCreateProcessParameters(RTL_USER_PROCESS_PARAMETERS** ProcessParameters,
                                                      PCUNICODE_STRING ImagePathName, PCUNICODE_STRING DllPath,
                                                      PCUNICODE_STRING CurrentDirectory, PCUNICODE_STRING CommandLine,
                                                      PWSTR Environment, PCUNICODE_STRING WindowTitle,
                                                      PCUNICODE_STRING DesktopInfo, PCUNICODE_STRING ShellInfo,
                                                      PCUNICODE_STRING RuntimeData);
NTKERNELAPI NTSTATUS NTAPI RtlDestroyProcessParameters(RTL_USER_PROCESS_PARAMETERS* ProcessParameters);
/// Addresses instead of offsets, and the reverse. @returns the parameters
NTKERNELAPI RTL_USER_PROCESS_PARAMETERS* NTAPI
RtlNormalizeProcessParams(RTL_USER_PROCESS_PARAMETERS* ProcessParameters);
NTKERNELAPI RTL_USER_PROCESS_PARAMETERS* NTAPI
RtlDeNormalizeProcessParams(RTL_USER_PROCESS_PARAMETERS* ProcessParameters);
}
