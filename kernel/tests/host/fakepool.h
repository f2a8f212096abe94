// What a test may do to the pool of the fake machine.
#pragma once

#include "nt/types.h"

namespace host {
extern ULONG PoolFailures;       ///< so many of the next allocations fail
extern volatile LONG PoolBlocks; ///< allocated and not freed

/// Memory that serves the pool instead of the host's heap while a test has it: where a block lies then has a meaning.
/// @returns nullptr: there is no more.
struct PoolArena {
    virtual PVOID Allocate(SIZE_T bytes) = 0;
    virtual bool Free(PVOID block) = 0; ///< @returns false: it is not one of these

protected:
    ~PoolArena() = default;
};
extern PoolArena* Arena;
} // namespace host
