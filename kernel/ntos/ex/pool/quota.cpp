// Pool at the cost of a process, and pool that is given up early: quota and priority.
//
// A process is charged for all bytes of its block. The block's last word names the process (for whole pages, the table of large
// allocations names it). So a free returns the charge to that process, in whatever process the free happens.
// In the books: "quotas", "system memory pools". POL-05
#include "ex/pool/expool.h"
#include "nt/atomic.h"
#include "rtl/exception.h"

namespace {

const EX_QUOTA_SOURCE* volatile QuotaSource; // shared: written once; nullptr: no process is charged yet

// Pages that the page source has left where requests of a priority fail.
constexpr ULONG LOW_RESERVE = 256, NORMAL_RESERVE = 64;
constexpr ULONG PRIORITY_MASK = ~15u; ///< the lower bits say how special pool would be used

PVOID FailOrRaise(POOL_TYPE type, NTSTATUS status) {
    if (!(type & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE)) RtlRaiseStatus(status);
    return nullptr;
}

/// The bytes for which an allocation is charged.
SIZE_T ChargeOf(PVOID block) {
    if (ExpIsPageAligned(block)) return SIZE_T(ExpFindBigPages(block).NumberOfPages) * PAGE_SIZE;
    return ExpHeaderOf(block)->BlockSize * POOL_SMALLEST_UNIT;
}

/// Notes the process that is charged. @returns false: there is no place for the note
bool SetProcess(PVOID block, PVOID process) {
    if (ExpIsPageAligned(block)) return ExpSetBigPagesProcess(block, process);
    POOL_HEADER* const header = ExpHeaderOf(block);
    *ExpProcessOf(header) = process;
    header->PoolType = header->PoolType | POOL_QUOTA_MASK;
    return true;
}

} // namespace

void NTAPI ExRegisterQuotaSource(const EX_QUOTA_SOURCE* Source) { QuotaSource = Source; }

void ExpReturnQuota(PVOID process, POOL_TYPE type, SIZE_T bytes) {
    if (process) QuotaSource->Return(process, type, bytes);
}

PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    const EX_QUOTA_SOURCE* const source = QuotaSource;
    const POOL_TYPE type =
        POOL_TYPE(ULONG(PoolType) & ~(POOL_QUOTA_FAIL_INSTEAD_OF_RAISE | POOL_RAISE_IF_ALLOCATION_FAILURE));
    // A block has room for the process's address; whole pages need none.
    SIZE_T bytes = NumberOfBytes;
    if (source && bytes <= POOL_BUDDY_MAX) bytes += sizeof(PVOID);
    PVOID const block = ExpAllocatePoolWithTag(type, bytes, Tag);
    if (!block) return FailOrRaise(PoolType, STATUS_INSUFFICIENT_RESOURCES);
    if (!source || ExpIsSpecialBlock(block)) return block; // it has no place for the note: no process pays
    const POOL_TYPE base = ExBasePoolType(type);
    const SIZE_T charge = ChargeOf(block);
    PVOID process = nullptr;
    const NTSTATUS status = source->Charge(base, charge, &process);
    if (!NT_SUCCESS(status)) {
        ExpFreePoolWithTag(block, Tag);
        return FailOrRaise(PoolType, status);
    }
    if (process && !SetProcess(block, process)) source->Return(process, base, charge);
    return block;
}

PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority) {
    ULONG reserve = 0;
    switch (EX_POOL_PRIORITY(ULONG(Priority) & PRIORITY_MASK)) {
    case EX_POOL_PRIORITY::LowPoolPriority: reserve = LOW_RESERVE; break;
    case EX_POOL_PRIORITY::NormalPoolPriority: reserve = NORMAL_RESERVE; break;
    default: break;
    }
    if (reserve != 0) {
        const ULONG available = ExpPageSource->Available(ExBasePoolType(PoolType));
        const SIZE_T pages = NumberOfBytes / PAGE_SIZE + 1;
        if (available < reserve || available - reserve < pages) {
            if (PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE) RtlRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
            return nullptr;
        }
    }
    return ExpAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}
