// Private to ntdll.dll: what its parts know of each other.
#pragma once

#include "ntdll.h"

extern "C" {
/// The first chance of an exception: asks the frames of the running thread. @returns whether execution goes on, at `Context`
BOOLEAN NTAPI RtlpDispatchUserException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context);
/// The rest of RtlUserThreadStart.
[[noreturn]] void NTAPI RtlpRunThread(PUSER_THREAD_START_ROUTINE StartRoutine, PVOID Parameter);
}
