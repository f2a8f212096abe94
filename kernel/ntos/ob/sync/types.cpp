// The types of dispatcher objects, and where a wait finds the dispatcher header of any object.
//
// In the books: "dispatcher objects", "type objects". OBJ-03, OBJ-10, OBJ-12
#include "ob/sync/obsync.h"

POBJECT_TYPE ExEventObjectType;
POBJECT_TYPE ExMutantObjectType;
POBJECT_TYPE ExSemaphoreObjectType;
POBJECT_TYPE ExTimerObjectType;

namespace {

NTSTATUS Make(PCWSTR name, ULONG bytes, ACCESS_MASK query, ACCESS_MASK modify, OB_DELETE_METHOD* deleted,
              POBJECT_TYPE* type) {
    const ACCESS_MASK all = STANDARD_RIGHTS_ALL | query | modify;
    const OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {STANDARD_RIGHTS_READ | query, STANDARD_RIGHTS_WRITE | modify,
                           STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, all},
        .ValidAccessMask = all,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body)) + bytes,
        .DeleteProcedure = deleted,
    };
    return ObpCreateType(name, info, type);
}

void NTAPI DeleteTimer(PVOID object) { (void)KeCancelTimer(static_cast<PKTIMER>(object)); }

/// The owner of a mutant keeps the mutant in a list of its own, so it must not own what is freed.
void NTAPI DeleteMutant(PVOID object) { (void)KeReleaseMutant(static_cast<PKMUTANT>(object), 0, TRUE, FALSE); }

} // namespace

extern "C" BOOLEAN NTAPI ObInitializeDispatcherTypes() {
    return NT_SUCCESS(
               Make(u"Event", sizeof(KEVENT), EVENT_QUERY_STATE, EVENT_MODIFY_STATE, nullptr, &ExEventObjectType)) &&
           NT_SUCCESS(Make(u"Mutant", sizeof(KMUTANT), MUTANT_QUERY_STATE, 0, DeleteMutant, &ExMutantObjectType)) &&
           NT_SUCCESS(Make(u"Semaphore", sizeof(KSEMAPHORE), SEMAPHORE_QUERY_STATE, SEMAPHORE_MODIFY_STATE, nullptr,
                           &ExSemaphoreObjectType)) &&
           NT_SUCCESS(Make(u"Timer", sizeof(KTIMER), TIMER_QUERY_STATE, TIMER_MODIFY_STATE, DeleteTimer,
                           &ExTimerObjectType)) &&
           NT_SUCCESS(ObpInitializeKeyedEvents());
}
