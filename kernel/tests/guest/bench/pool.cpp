// What a block of pool costs: from the processor's own list, and from the pool's lists under its lock.
#include "ex.h"

namespace {

constexpr ULONG Tag = EX_TAG("Bnch");

ULONG AllocateAndFree(ULONG iterations, POOL_TYPE type, SIZE_T bytes) {
    for (ULONG i = 0; i < iterations; i++) {
        PVOID const block = ExAllocatePoolWithTag(type, bytes, Tag);
        if (!block) return 0;
        ExFreePoolWithTag(block, Tag);
    }
    return iterations;
}

} // namespace

extern "C" {
NTEXPORT ULONG NTAPI BenchPoolBlock(ULONG Iterations) { return AllocateAndFree(Iterations, NonPagedPool, 64); }
NTEXPORT ULONG NTAPI BenchPoolLarge(ULONG Iterations) { return AllocateAndFree(Iterations, NonPagedPool, 1000); }
NTEXPORT ULONG NTAPI BenchPoolPaged(ULONG Iterations) { return AllocateAndFree(Iterations, PagedPool, 64); }
}
