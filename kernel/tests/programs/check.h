// Programs for tests say with their exit status how it went: PROGRAM_PASSED, or the line of the check that failed.
#pragma once

#include "ntdll.h"

constexpr NTSTATUS PROGRAM_PASSED = static_cast<NTSTATUS>(0x600D);

/// Ends the program with its line as the status, unless the condition holds.
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) RtlExitUserProcess(static_cast<NTSTATUS>(__LINE__)); \
    } while (false)
