// Quota blocks: charged and returned.
// In the books: "quotas". OBJ-09
#include "ex/quotablock.h"
#include "nt/assert.h"
#include "nt/atomic.h"

namespace {

constexpr ULONG EX_QUOTA_TAG = EX_TAG("Qblk");

void RaisePeak(volatile LONG* peak, LONG usage) {
    for (LONG seen = *peak; usage > seen;) {
        const LONG found = InterlockedCompareExchange(peak, usage, seen);
        if (found == seen) return;
        seen = found;
    }
}

} // namespace

extern "C" {

PEPROCESS_QUOTA_BLOCK NTAPI ExCreateQuotaBlock() {
    auto* const block = static_cast<EPROCESS_QUOTA_BLOCK*>(
        ExAllocatePoolWithTag(NonPagedPool, sizeof(EPROCESS_QUOTA_BLOCK), EX_QUOTA_TAG));
    if (block) *block = {.Limit = {EX_DEFAULT_QUOTA, EX_DEFAULT_QUOTA}, .ReferenceCount = 1};
    return block;
}

void NTAPI ExReferenceQuotaBlock(PEPROCESS_QUOTA_BLOCK Block) { InterlockedIncrement(&Block->ReferenceCount); }

void NTAPI ExDereferenceQuotaBlock(PEPROCESS_QUOTA_BLOCK Block) {
    if (InterlockedDecrement(&Block->ReferenceCount) != 0) return;
    NT_ASSERT(Block->Usage[0] == 0 && Block->Usage[1] == 0);
    ExFreePoolWithTag(Block, EX_QUOTA_TAG);
}

NTSTATUS NTAPI ExChargeQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE PoolType, SIZE_T Bytes) {
    const ULONG pool = ULONG(ExBasePoolType(PoolType));
    for (LONG usage = Block->Usage[pool];;) {
        if (Bytes > SIZE_T(Block->Limit[pool] - usage)) return STATUS_QUOTA_EXCEEDED;
        const LONG charged = usage + LONG(Bytes);
        const LONG found = InterlockedCompareExchange(&Block->Usage[pool], charged, usage);
        if (found == usage) {
            RaisePeak(&Block->Peak[pool], charged);
            ExReferenceQuotaBlock(Block);
            return STATUS_SUCCESS;
        }
        usage = found;
    }
}

void NTAPI ExReturnQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE PoolType, SIZE_T Bytes) {
    const LONG before = InterlockedExchangeAdd(&Block->Usage[ULONG(ExBasePoolType(PoolType))], -LONG(Bytes));
    NT_ASSERT(before >= LONG(Bytes)); // more came back than was charged
    (void)before;
    ExDereferenceQuotaBlock(Block);
}
}
