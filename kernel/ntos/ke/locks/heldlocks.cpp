// Checked builds: a record of every lock that blocks and of every thread that holds it.
//
// A record is on its thread's list (KTHREAD::HeldLocks) and on a chain by the lock's address, because some locks (a push
// lock of one word) have no room for their owners. Records are made after an acquisition and taken away before the
// release, so what they say is true whenever the record lock is held: such a thread has the lock and has not begun to
// give it back.
// Locks: KiLockRecordLock, which nothing but the debugger's is taken under. IRQL: <= DISPATCH_LEVEL.
// In the books: "driver verifier: deadlock detection". DSP-04, DSP-18..21
#include "ke/ki.h"
#include "ke/heldlocks.h"
#include "ke/ki/lockrecords.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)

extern "C" constinit KSPIN_LOCK KiLockRecordLock = {};

namespace {

constexpr ULONG RecordCount = 1024; ///< locks held in the whole system; with more, checks become silent
constexpr ULONG ChainCount = 64;
constexpr ULONG RankCount = 64;

struct LOCK_RANK {
    PVOID Lock; ///< nullptr: the place is free
    ULONG Rank;
};

KI_LOCK_RECORD Records[RecordCount] GUARDED_BY(KiLockRecordLock);
ULONG UsedRecords GUARDED_BY(KiLockRecordLock);
LIST_ENTRY FreeRecords GUARDED_BY(KiLockRecordLock); ///< of KI_LOCK_RECORD::LockLink
LIST_ENTRY Chains[ChainCount] GUARDED_BY(KiLockRecordLock);
LOCK_RANK Ranks[RankCount] GUARDED_BY(KiLockRecordLock);
bool Lost GUARDED_BY(KiLockRecordLock); ///< a record could not be made: a missing one proves nothing any more

ULONG ChainOf(const void* lock) { return ULONG(reinterpret_cast<ULONG_PTR>(lock) >> 3) % ChainCount; }

void InitializeOnce() REQUIRES_(KiLockRecordLock) {
    if (FreeRecords.Flink) return;
    InitializeListHead(&FreeRecords);
    for (LIST_ENTRY& chain : Chains)
        InitializeListHead(&chain);
}

KI_LOCK_RECORD* NewRecord() REQUIRES_(KiLockRecordLock) {
    InitializeOnce();
    if (!IsListEmpty(&FreeRecords)) return CONTAINING_RECORD(RemoveHeadList(&FreeRecords), KI_LOCK_RECORD, LockLink);
    if (UsedRecords == RecordCount) return nullptr;
    return &Records[UsedRecords++];
}

KI_LOCK_RECORD* Find(const void* lock, KTHREAD* thread) REQUIRES_(KiLockRecordLock) {
    for (KI_LOCK_RECORD* record : nt::List<&KI_LOCK_RECORD::ThreadLink>(thread->HeldLocks)) {
        if (record->Lock == lock) return record;
    }
    return nullptr;
}

void Remove(KI_LOCK_RECORD* record) REQUIRES_(KiLockRecordLock) {
    RemoveEntryList(&record->ThreadLink);
    RemoveEntryList(&record->LockLink);
    InsertHeadList(&FreeRecords, &record->LockLink);
}

ULONG RankOf(const void* lock) REQUIRES_(KiLockRecordLock) {
    for (const LOCK_RANK& entry : Ranks) {
        if (entry.Lock == lock) return entry.Rank;
    }
    return 0;
}

/// The record lock, unless the kernel stands still.
// Where it stands still, no other code can reach what the lock guards: to the analysis the guard always holds it.
class SCOPED_CAPABILITY RECORD_GUARD {
public:
    explicit RECORD_GUARD(BOOLEAN stopped) ACQUIRE_(KiLockRecordLock) NO_THREAD_SAFETY_ANALYSIS : m_locked(!stopped) {
        if (m_locked) m_oldIrql = KfAcquireSpinLock(&KiLockRecordLock);
    }
    ~RECORD_GUARD() RELEASE_() NO_THREAD_SAFETY_ANALYSIS { // gives back what the constructor took
        if (m_locked) KfReleaseSpinLock(&KiLockRecordLock, m_oldIrql);
    }
    RECORD_GUARD(const RECORD_GUARD&) = delete;
    RECORD_GUARD& operator=(const RECORD_GUARD&) = delete;

private:
    const bool m_locked;
    KIRQL m_oldIrql{};
};

ULONG CopyOwners(const void* lock, PKTHREAD* owners, ULONG limit) REQUIRES_(KiLockRecordLock) {
    ULONG count = 0;
    for (KI_LOCK_RECORD* record = KiNextOwner(lock, nullptr); record && count < limit;
         record = KiNextOwner(lock, record))
        owners[count++] = record->Thread;
    return count;
}

ULONG CopyHeld(const KTHREAD* thread, KLOCK_HELD* locks, ULONG limit) REQUIRES_(KiLockRecordLock) {
    LIST_ENTRY* const head = const_cast<LIST_ENTRY*>(&thread->HeldLocks);
    ULONG count = 0;
    for (const KI_LOCK_RECORD* record : nt::List<&KI_LOCK_RECORD::ThreadLink>(*head)) {
        if (count == limit) break;
        locks[count++] = {record->Lock, record->Kind, record->Exclusive, record->Count, record->Stack[1]};
    }
    return count;
}

} // namespace

void KiInitializeLockRecords() { KeInitializeSpinLock(&KiLockRecordLock, KLOCK_RANK::LockRecords); }

void NTAPI KeSetLockRank(PVOID Lock, ULONG Rank) {
    nt::SpinLockGuard guard(KiLockRecordLock);
    LOCK_RANK* place = nullptr;
    for (LOCK_RANK& entry : Ranks) {
        if (entry.Lock == Lock) place = &entry;
        if (!entry.Lock && !place) place = &entry;
    }
    if (Rank == 0) {
        if (place && place->Lock == Lock) place->Lock = nullptr;
        return;
    }
    NT_ASSERT(place);
    *place = {Lock, Rank};
}

void NTAPI KeCheckLockOrder(PVOID Lock) {
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    nt::SpinLockGuard guard(KiLockRecordLock);
    const ULONG wantedRank = RankOf(Lock);
    if (wantedRank == 0) return;
    KTHREAD* const thread = KeGetCurrentThread();
    if (Find(Lock, thread)) return; // once more
    for (const KI_LOCK_RECORD* record : nt::List<&KI_LOCK_RECORD::ThreadLink>(thread->HeldLocks)) {
        const ULONG heldRank = RankOf(record->Lock);
        NT_ASSERT(heldRank == 0 || heldRank < wantedRank);
    }
}

void NTAPI KeNoteLockAcquired(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive) {
    KTHREAD* const thread = KeGetCurrentThread();
    KI_LOCK_RECORD made = {.Thread = thread, .Lock = Lock, .Count = 1, .Kind = Kind, .Exclusive = Exclusive};
    KiCaptureStack(made.Stack);
    nt::SpinLockGuard guard(KiLockRecordLock);
    if (KI_LOCK_RECORD* const held = Find(Lock, thread)) {
        held->Count++;
        return;
    }
    KI_LOCK_RECORD* const record = NewRecord();
    if (!record) {
        Lost = true;
        return;
    }
    *record = made;
    record->Sequence = ULONG(InterlockedIncrement(&KiLockSequence));
    InsertTailList(&thread->HeldLocks, &record->ThreadLink);
    InsertTailList(&Chains[ChainOf(Lock)], &record->LockLink);
}

BOOLEAN NTAPI KeNoteLockReleased(PVOID Lock, PKTHREAD Thread) {
    nt::SpinLockGuard guard(KiLockRecordLock);
    KI_LOCK_RECORD* const record = Find(Lock, Thread);
    if (!record) return Lost;
    if (--record->Count == 0) Remove(record);
    return TRUE;
}

void NTAPI KeNoteLockShared(PVOID Lock) {
    nt::SpinLockGuard guard(KiLockRecordLock);
    if (KI_LOCK_RECORD* const record = Find(Lock, KeGetCurrentThread())) record->Exclusive = FALSE;
}

void NTAPI KeForgetLock(PVOID Lock, PKTHREAD Thread) {
    nt::SpinLockGuard guard(KiLockRecordLock);
    if (KI_LOCK_RECORD* const record = Find(Lock, Thread)) Remove(record);
}

void NTAPI KeCheckNoLocksHeld(PKTHREAD Thread) {
    const KI_LOCK_RECORD* leaked = nullptr;
    {
        nt::SpinLockGuard guard(KiLockRecordLock);
        if (!IsListEmpty(&Thread->HeldLocks))
            leaked = CONTAINING_RECORD(Thread->HeldLocks.Flink, KI_LOCK_RECORD, ThreadLink);
    }
    if (leaked)
        KeBugCheckEx(THREAD_TERMINATE_HELD_MUTEX, reinterpret_cast<ULONG_PTR>(Thread),
                     reinterpret_cast<ULONG_PTR>(leaked->Lock), ULONG_PTR(leaked->Kind), leaked->Stack[1]);
}

KI_LOCK_RECORD* KiNextOwner(const void* Lock, KI_LOCK_RECORD* After) {
    if (!FreeRecords.Flink) return nullptr;
    LIST_ENTRY* const chain = &Chains[ChainOf(Lock)];
    for (LIST_ENTRY* entry = After ? After->LockLink.Flink : chain->Flink; entry != chain; entry = entry->Flink) {
        KI_LOCK_RECORD* const record = CONTAINING_RECORD(entry, KI_LOCK_RECORD, LockLink);
        if (record->Lock == Lock) return record;
    }
    return nullptr;
}

ULONG NTAPI KeQueryLockOwners(const void* Lock, BOOLEAN Stopped, PKTHREAD* Owners, ULONG Limit) {
    const RECORD_GUARD guard(Stopped);
    return CopyOwners(Lock, Owners, Limit);
}

ULONG KeQueryHeldLocks(const KTHREAD* Thread, BOOLEAN Stopped, KLOCK_HELD* Locks, ULONG Limit) {
    const RECORD_GUARD guard(Stopped);
    return CopyHeld(Thread, Locks, Limit);
}

void KiForgetLockRecords() {
    nt::AssumeHeld(KiLockRecordLock); // between two machines of the host: no thread holds a lock
    FreeRecords = {};
    UsedRecords = 0;
    KiLockSequence = 0;
    Lost = false;
    for (LOCK_RANK& entry : Ranks)
        entry.Lock = nullptr;
    InitializeOnce();
}

#else

void KiInitializeLockRecords() {}
void NTAPI KeSetLockRank(PVOID, ULONG) {}
ULONG NTAPI KeQueryLockOwners(const void*, BOOLEAN, PKTHREAD*, ULONG) { return 0; }
ULONG KeQueryHeldLocks(const KTHREAD*, BOOLEAN, KLOCK_HELD*, ULONG) { return 0; }

#endif
