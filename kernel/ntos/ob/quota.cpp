// Quota of objects: the process whose handle is the first one pays for the object, until it is freed.
//
// In the books: "retention and resource accounting", "quotas". OBJ-09
#include "ob/obp.h"

ULONG ObpPagedCharge(POBJECT_HEADER header) {
    const OBJECT_HEADER_QUOTA_INFO* const own = OBJECT_HEADER_TO_QUOTA_INFO(header);
    return own ? own->PagedPoolCharge : header->Type->TypeInfo.DefaultPagedPoolCharge;
}

ULONG ObpNonPagedCharge(POBJECT_HEADER header) {
    const OBJECT_HEADER_QUOTA_INFO* const own = OBJECT_HEADER_TO_QUOTA_INFO(header);
    return own ? own->NonPagedPoolCharge : header->Type->TypeInfo.DefaultNonPagedPoolCharge;
}

NTSTATUS ObpChargeQuota(EPROCESS* process, POBJECT_HEADER header) {
    EPROCESS_QUOTA_BLOCK* const block = ObpPartOf(process)->QuotaBlock;
    if (!block || header->QuotaBlockCharged) return STATUS_SUCCESS;
    NT_TRY(ExChargeQuotaBlock(block, PagedPool, ObpPagedCharge(header)));
    const NTSTATUS status = ExChargeQuotaBlock(block, NonPagedPool, ObpNonPagedCharge(header));
    if (!NT_SUCCESS(status)) {
        ExReturnQuotaBlock(block, PagedPool, ObpPagedCharge(header));
        return status;
    }
    header->QuotaBlockCharged = block;
    return STATUS_SUCCESS;
}

void ObpReturnQuota(POBJECT_HEADER header) {
    auto* const block = static_cast<EPROCESS_QUOTA_BLOCK*>(header->QuotaBlockCharged);
    if (!block) return;
    header->QuotaBlockCharged = nullptr;
    ExReturnQuotaBlock(block, PagedPool, ObpPagedCharge(header));
    ExReturnQuotaBlock(block, NonPagedPool, ObpNonPagedCharge(header));
}
