// The other names under which drivers ask for pool, and give it back.
//
// In the books: "system memory pools", "executive support routines". POL-05, ARC-08
#include "ex/pool.h"

namespace {
constexpr ULONG NO_TAG = EX_TAG("None");
}

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, NO_TAG);
}

void NTAPI ExFreePool(PVOID P) { ExFreePoolWithTag(P, 0); }

PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, NO_TAG);
}
