// The one-second thread and the list of its duties.
//
// A periodic timer wakes it, so the seconds do not drift; a second that came while duties ran late is not made up for.
// Locks: DutyMutant guards both lists and is held while duties run. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager", "housekeeping threads". SYS-11, SYS-12
#include "ex/onesecond.h"
#include "ex/expwork.h"

namespace {

constexpr LONG PeriodMilliseconds = 1000;
constexpr KPRIORITY OneSecondPriority = LOW_REALTIME_PRIORITY; ///< starved threads cannot starve their relief

// shared: DutyMutant, but for the mutant itself
KMUTANT DutyMutant;
LIST_ENTRY Duties;
LIST_ENTRY DoneDuties; ///< those that were called in this second; empty between the seconds

void Lock() { (void)KeWaitForSingleObject(&DutyMutant, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr); }
void Unlock() { (void)KeReleaseMutant(&DutyMutant, 0, FALSE, FALSE); }

/// A duty may unregister itself, or any other, so each is put aside before it is called and no link is kept.
void DoDuties() {
    Lock();
    nt::List<&EX_ONE_SECOND_DUTY::Link> todo(Duties), done(DoneDuties);
    while (EX_ONE_SECOND_DUTY* const duty = todo.PopFront()) {
        done.PushBack(duty);
        duty->Routine(duty->Context);
        NT_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    }
    while (EX_ONE_SECOND_DUTY* const duty = done.PopFront())
        todo.PushBack(duty);
    Unlock();
}

void NTAPI OneSecondThread(PVOID) {
    KTIMER timer;
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    (void)KeSetTimerEx(&timer, KeRelativeMilliseconds(PeriodMilliseconds), PeriodMilliseconds, nullptr);
    for (;;) {
        (void)KeWaitForSingleObject(&timer, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        DoDuties();
    }
}

} // namespace

NTSTATUS ExpStartOneSecondThread() {
    KeInitializeMutant(&DutyMutant, FALSE);
    InitializeListHead(&Duties);
    InitializeListHead(&DoneDuties);
    return ExpCreateThread("OneSecond", OneSecondPriority, OneSecondThread);
}

void NTAPI ExRegisterOneSecondDuty(PEX_ONE_SECOND_DUTY Duty) {
    Lock();
    InsertTailList(&Duties, &Duty->Link);
    Unlock();
}

void NTAPI ExUnregisterOneSecondDuty(PEX_ONE_SECOND_DUTY Duty) {
    Lock();
    RemoveEntryList(&Duty->Link);
    Unlock();
}
