// Processes and threads as objects: their types, and what the floors below know of processes.
//
// In the books: "process and thread internals", "type objects", "quotas". OBJ-03, OBJ-09, DSP-07, DSP-08
#include "ps/psp.h"

POBJECT_TYPE PsProcessType;
POBJECT_TYPE PsThreadType;

namespace {

constexpr GENERIC_MAPPING PROCESS_MAPPING = {STANDARD_RIGHTS_READ | PROCESS_VM_READ | PROCESS_QUERY_INFORMATION,
                                             STANDARD_RIGHTS_WRITE | PROCESS_CREATE_PROCESS | PROCESS_CREATE_THREAD |
                                                 PROCESS_VM_OPERATION | PROCESS_VM_WRITE | PROCESS_DUP_HANDLE |
                                                 PROCESS_TERMINATE | PROCESS_SET_INFORMATION,
                                             STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, PROCESS_ALL_ACCESS};
constexpr GENERIC_MAPPING THREAD_MAPPING = {STANDARD_RIGHTS_READ | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION,
                                            STANDARD_RIGHTS_WRITE | THREAD_TERMINATE | THREAD_SUSPEND_RESUME |
                                                THREAD_ALERT | THREAD_SET_INFORMATION | THREAD_SET_CONTEXT,
                                            STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, THREAD_ALL_ACCESS};

NTSTATUS MakeType(PCWSTR name, ULONG bytes, const GENERIC_MAPPING& mapping, OB_DELETE_METHOD* deleted,
                  POBJECT_TYPE* type) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_PERMANENT | OBJ_EXCLUSIVE | OBJ_OPENIF | OBJ_OPENLINK,
        .GenericMapping = mapping,
        .ValidAccessMask = mapping.GenericAll,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body)) + bytes,
        .DeleteProcedure = deleted,
    };
    return ObCreateObjectType(&text, &info, nullptr, type);
}

// The charge for pool goes to the quota block of the current process; the note in the block of pool is the quota block.

NTSTATUS NTAPI ChargeCurrent(POOL_TYPE type, SIZE_T bytes, PVOID* charged) {
    EPROCESS_QUOTA_BLOCK* const block = PsGetCurrentProcess()->Objects.QuotaBlock;
    *charged = block;
    return block ? ExChargeQuotaBlock(block, type, bytes) : STATUS_SUCCESS;
}

void NTAPI ReturnCharge(PVOID charged, POOL_TYPE type, SIZE_T bytes) {
    ExReturnQuotaBlock(static_cast<EPROCESS_QUOTA_BLOCK*>(charged), type, bytes);
}

} // namespace

NTSTATUS PspCreateTypes() {
    static_assert(offsetof(EPROCESS, Pcb) == 0 && offsetof(ETHREAD, Tcb) == 0, "ob: the body begins with it");
    static OB_PROCESS_SOURCE processes = {offsetof(EPROCESS, Objects), &PsProcessType, &PsThreadType, nullptr};
    static constexpr EX_QUOTA_SOURCE quota = {ChargeCurrent, ReturnCharge};
    processes.SystemProcess = PsInitialSystemProcess;
    NT_TRY(MakeType(u"Process", sizeof(EPROCESS), PROCESS_MAPPING, PspDeleteProcessObject, &PsProcessType));
    NT_TRY(MakeType(u"Thread", sizeof(ETHREAD), THREAD_MAPPING, PspDeleteThreadObject, &PsThreadType));
    ObRegisterProcesses(&processes);
    ExRegisterQuotaSource(&quota);
    return STATUS_SUCCESS;
}

extern "C" {

NTSTATUS NTAPI PsChargeProcessPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount) {
    EPROCESS_QUOTA_BLOCK* const block = Process->Objects.QuotaBlock;
    return block ? ExChargeQuotaBlock(block, PoolType, Amount) : STATUS_SUCCESS;
}

void NTAPI PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount) {
    if (EPROCESS_QUOTA_BLOCK* const block = Process->Objects.QuotaBlock) ExReturnQuotaBlock(block, PoolType, Amount);
}
}
