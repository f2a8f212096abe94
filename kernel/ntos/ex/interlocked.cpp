// ExInterlockedXxx: lists and numbers under the caller's spin lock.
//
// IRQL: any; HIGH_LEVEL inside.
// In the books: "executive interlocked operations". SYH-03, SYH-05
#include "ex/interlocked.h"

namespace {

/// Holds the lock against every processor and every interrupt of this one.
class SCOPED_CAPABILITY AnyLevelGuard {
public:
    explicit AnyLevelGuard(KSPIN_LOCK& lock)
        ACQUIRE_(lock) NO_THREAD_SAFETY_ANALYSIS // at any level, with interrupts off
        : m_lock(lock),
          m_oldIrql(KfRaiseIrql(HIGH_LEVEL)) {
        KefAcquireSpinLockAtDpcLevel(&lock);
    }
    ~AnyLevelGuard() RELEASE_() NO_THREAD_SAFETY_ANALYSIS { // at any level, with interrupts off
        KefReleaseSpinLockFromDpcLevel(&m_lock);
        KfLowerIrql(m_oldIrql);
    }
    AnyLevelGuard(const AnyLevelGuard&) = delete;
    AnyLevelGuard& operator=(const AnyLevelGuard&) = delete;

private:
    KSPIN_LOCK& m_lock;
    const KIRQL m_oldIrql;
};

} // namespace

extern "C" {

PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    PLIST_ENTRY const first = IsListEmpty(ListHead) ? nullptr : ListHead->Flink;
    InsertHeadList(ListHead, ListEntry);
    return first;
}

PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    PLIST_ENTRY const last = IsListEmpty(ListHead) ? nullptr : ListHead->Blink;
    InsertTailList(ListHead, ListEntry);
    return last;
}

PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    return IsListEmpty(ListHead) ? nullptr : RemoveHeadList(ListHead);
}

PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                                                    PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    PSINGLE_LIST_ENTRY const first = ListHead->Next;
    PushEntryList(ListHead, ListEntry);
    return first;
}

PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    return PopEntryList(ListHead);
}

ULONG NTAPI ExInterlockedAddUlong(ULONG* Addend, ULONG Increment, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    const ULONG before = *Addend;
    *Addend = before + Increment;
    return before;
}

LARGE_INTEGER NTAPI ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock) {
    AnyLevelGuard guard(*Lock);
    const LARGE_INTEGER before = *Addend;
    Addend->QuadPart = before.QuadPart + Increment.QuadPart;
    return before;
}
}
