// Quota: how much of each pool the objects and handles of a process may have.
//
// A block belongs to a process and lives as long as the process or a charge needs it: an object may outlive the process that pays.
// Invariant: Usage is what was charged and not returned; it never exceeds Limit.
// Locks: none, the words change by interlocked operations. IRQL: <= DISPATCH_LEVEL.
// In the books: "quotas", "retention and resource accounting". OBJ-09
#pragma once

#include "ex/pool.h"

/// What a process is charged for, by pool type.
/// shared: changes by interlocked operations
struct EPROCESS_QUOTA_BLOCK {
    volatile LONG Usage[2]; ///< bytes, by POOL_TYPE
    volatile LONG Peak[2];
    LONG Limit[2];
    volatile LONG ReferenceCount;
};
using PEPROCESS_QUOTA_BLOCK = EPROCESS_QUOTA_BLOCK*;

constexpr LONG EX_DEFAULT_QUOTA = 32 << 20; ///< bytes of each pool

extern "C" {
/// Makes a block with one reference and default limits. @returns nullptr without memory. @irql <= DISPATCH_LEVEL
NTKERNELAPI PEPROCESS_QUOTA_BLOCK NTAPI ExCreateQuotaBlock();
NTKERNELAPI void NTAPI ExReferenceQuotaBlock(PEPROCESS_QUOTA_BLOCK Block);
/// The last reference frees the block. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExDereferenceQuotaBlock(PEPROCESS_QUOTA_BLOCK Block);
/// Charges, and references the block, if the charge keeps below the limit. @returns STATUS_SUCCESS; STATUS_QUOTA_EXCEEDED
NTKERNELAPI NTSTATUS NTAPI ExChargeQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE PoolType, SIZE_T Bytes);
/// Takes a charge and its reference back.
NTKERNELAPI void NTAPI ExReturnQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE PoolType, SIZE_T Bytes);
}
