// What a test may do to the pool of the fake machine.
#pragma once

#include "nt/types.h"

namespace host {
extern ULONG PoolFailures;       ///< so many of the next allocations fail
extern volatile LONG PoolBlocks; ///< allocated and not freed
} // namespace host
