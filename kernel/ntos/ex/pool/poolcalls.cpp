// The other names under which drivers ask for pool, and give it back.
//
// In the books: "system memory pools", "executive support routines". POL-05, ARC-08
#include "ex/pool.h"
#include "rtl/exception.h"

namespace {
constexpr ULONG NO_TAG = EX_TAG("None");
}

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, NO_TAG);
}

void NTAPI ExFreePool(PVOID P) { ExFreePoolWithTag(P, 0); }

PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    PVOID const block = ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
    if (!block && !(PoolType & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE)) ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return block;
}

PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
    return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, NO_TAG);
}

PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, EX_POOL_PRIORITY) {
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}
