// Private to ke: the round of bugcheck callbacks.
// In the books: "crash dump analysis: bugcheck callbacks". TRP-09
#pragma once

#include "ke/bugcheckcallback.h"

/// Calls every registered routine once, and says so on the debugging port. The other processors stand still.
/// @returns how many records were reached. @irql HIGH_LEVEL
ULONG KiCallBugCheckCallbacks();
