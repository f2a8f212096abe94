// The pool of the fake machine: the host's heap, so that AddressSanitizer sees a block that is used after it was freed,
// and a lack of memory on demand.
#include "fakepool.h"

#include "ex/pool.h"
#include "nt/atomic.h"

#include <cstdlib>

namespace host {
ULONG PoolFailures;
volatile LONG PoolBlocks;
PoolArena* Arena;
} // namespace host

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE, SIZE_T NumberOfBytes, ULONG) {
    if (host::PoolFailures != 0) {
        host::PoolFailures--;
        return nullptr;
    }
    InterlockedIncrement(&host::PoolBlocks);
    return host::Arena ? host::Arena->Allocate(NumberOfBytes) : std::malloc(NumberOfBytes);
}

void NTAPI ExFreePoolWithTag(PVOID P, ULONG) {
    InterlockedDecrement(&host::PoolBlocks);
    if (!host::Arena || !host::Arena->Free(P)) std::free(P);
}
