// Exceptions of a process: vectored handlers, and what becomes of an exception that nobody handles.
//
// Order: vectored handlers, the frames of the thread (rtl/exception.h), the process's filter for unhandled ones, a message and the end of the
// process with the exception's code.
// In the books: "exception dispatching", "unhandled exceptions". EXC-04
#pragma once

#include "rtl/exception.h"

/// @returns EXCEPTION_CONTINUE_EXECUTION or EXCEPTION_CONTINUE_SEARCH
using VECTORED_EXCEPTION_HANDLER = LONG NTAPI(EXCEPTION_POINTERS* ExceptionInfo);
using PVECTORED_EXCEPTION_HANDLER = VECTORED_EXCEPTION_HANDLER*;

/// @returns EXCEPTION_EXECUTE_HANDLER: the process ends without a message, EXCEPTION_CONTINUE_SEARCH: with one, or
/// EXCEPTION_CONTINUE_EXECUTION
using UNHANDLED_EXCEPTION_FILTER = LONG NTAPI(EXCEPTION_POINTERS* ExceptionInfo);
using PUNHANDLED_EXCEPTION_FILTER = UNHANDLED_EXCEPTION_FILTER*;

extern "C" {
/// Adds a handler that is asked before all frames. @param First not 0: before the handlers that are there. @returns a handle for
/// RtlRemoveVectoredExceptionHandler; nullptr: no memory
NTKERNELAPI PVOID NTAPI RtlAddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);
/// Takes a handler away; one that runs at the moment runs to its end. @returns 0: the handle is none
NTKERNELAPI ULONG NTAPI RtlRemoveVectoredExceptionHandler(PVOID Handle);
/// Sets the process's filter. @param Filter nullptr: none. @returns the one before
NTKERNELAPI PUNHANDLED_EXCEPTION_FILTER NTAPI RtlSetUnhandledExceptionFilter(PUNHANDLED_EXCEPTION_FILTER Filter);
}
