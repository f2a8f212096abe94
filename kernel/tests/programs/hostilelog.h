// What a hostile program and the driver that started it share: a page of a named section. Both sides include it.
//
// shared: counts change by interlocked operations; a call's row is its caller's until the ring comes round. The program may be killed
// at any instruction, so the driver takes nothing here for granted.
#pragma once

#include "nt/types.h"

constexpr const WCHAR* HOSTILE_LOG_NAME = u"\\BaseNamedObjects\\HostileLog";
constexpr ULONG HOSTILE_ROWS = 256; ///< of services
constexpr ULONG HOSTILE_RECENT = 16;
constexpr ULONG HOSTILE_WORDS = 11; ///< of arguments: no service has more

/// A call, written down before it is made.
struct HOSTILE_CALL {
    ULONG Number; ///< 1 is the first
    ULONG Caller; ///< which of the program's threads
    ULONG Service;
    ULONG At; ///< address of the arguments
    ULONG Arguments[HOSTILE_WORDS];
    ULONG Back; ///< 1: the call has returned
};
static_assert(sizeof(HOSTILE_CALL) == 64);

/// The page.
struct HOSTILE_LOG {
    volatile LONG Calls;
    volatile LONG Succeeded;
    LONG Made[HOSTILE_ROWS]; ///< calls of each service
    LONG Good[HOSTILE_ROWS]; ///< of these, the ones that succeeded
    HOSTILE_CALL Recent[HOSTILE_RECENT];
};
static_assert(sizeof(HOSTILE_LOG) <= 0x1000);
