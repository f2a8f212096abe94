// Handles: looked up, locked, made, destroyed.
//
// A look-up reads the tree of pages without a lock: pages are only added. It then locks the entry by setting the lock bit. A thread
// that finds the bit set puts a block on the table's list of waiters, and only then looks at the bit again. The thread that clears the
// bit reads the list afterwards. So one of the two sees the other. All waiters wake: the list does not tell for which entry each waits.
// The free list's word has an index and a sequence number. A thread that takes the first entry reads the index of the second one
// while others may take both and give the first one back; the sequence has changed then, and the compare-exchange fails.
// In the books: "object handles and the process handle table". OBJ-06, OBJ-07
#include "ex/handlep.h"
#include "nt/atomic.h"

/// A thread that waits for the lock of an entry. On its stack.
struct HANDLE_TABLE_WAITER {
    KGATE Gate;
    HANDLE_TABLE_WAITER* Next;
};

namespace {

constexpr LONGLONG FREE_SEQUENCE = LONGLONG(1) << 32; ///< one change of the free list

/// The free list with another first entry, one change later.
LONGLONG NextFreeList(LONGLONG list, ULONG first) {
    return LONGLONG((ULONGLONG(list) & ~ULONGLONG(0xFFFF'FFFF)) + ULONGLONG(FREE_SEQUENCE)) | first;
}

/// Takes an entry off the free list. @returns its index; 0: the list is empty.
ULONG TakeFreeEntry(PHANDLE_TABLE table) {
    for (LONGLONG list = InterlockedCompareExchange64(&table->FreeList, 0, 0);;) {
        const ULONG first = ULONG(list);
        if (first == 0) return 0;
        // Another thread may have taken this entry: then the number is of no use, and the exchange fails.
        const ULONG second = __atomic_load_n(&ExpLookupEntry(table, first)->NextFreeTableEntry, __ATOMIC_RELAXED);
        const LONGLONG seen = InterlockedCompareExchange64(&table->FreeList, NextFreeList(list, second), list);
        if (seen == list) return first;
        list = seen;
    }
}

/// An entry for a new handle. @returns its index; 0: no memory, or too many handles.
ULONG TakeEntry(PHANDLE_TABLE table) {
    if (const ULONG index = TakeFreeEntry(table)) return index;
    ExAcquirePushLockExclusive(&table->HandleTableLock);
    ULONG index = TakeFreeEntry(table); // another thread may have made the table longer meanwhile
    while (index == 0 && ExpGrowTable(table))
        index = TakeFreeEntry(table);
    ExReleasePushLockExclusive(&table->HandleTableLock);
    return index;
}

/// Sleeps until an entry of the table was unlocked, unless this one is unlocked already.
void WaitForEntry(PHANDLE_TABLE table, const HANDLE_TABLE_ENTRY* entry) {
    HANDLE_TABLE_WAITER waiter;
    KeInitializeGate(&waiter.Gate);
    {
        const nt::SpinLockGuard guard(table->WaitLock);
        waiter.Next = table->Waiters;
        InterlockedExchangePointer(&table->Waiters, &waiter); // visible before the entry is looked at again
        if ((entry->Value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) == 0) {
            table->Waiters = waiter.Next;
            return;
        }
    }
    KeWaitForGate(&waiter.Gate, KWAIT_REASON::Executive, KernelMode);
}

/// Wakes the threads that wait for an entry: one was unlocked.
void WakeWaiters(PHANDLE_TABLE table) {
    if (!table->Waiters) return;
    HANDLE_TABLE_WAITER* waiter;
    {
        const nt::SpinLockGuard guard(table->WaitLock);
        waiter = InterlockedExchangePointer<HANDLE_TABLE_WAITER>(&table->Waiters, nullptr);
    }
    while (waiter) {
        HANDLE_TABLE_WAITER* const next = waiter->Next; // the block is gone once its thread is awake
        KeSignalGateBoostPriority(&waiter->Gate);
        waiter = next;
    }
}

} // namespace

PHANDLE_TABLE_ENTRY ExpLookupEntry(const HANDLE_TABLE* Table, ULONG Index) {
    if (Index >= ULONG(ReadAcquire(&Table->NextHandleNeedingPool)) || Index % HANDLE_TABLE_PAGE_ENTRIES == 0)
        return nullptr;
    const ULONG_PTR code = ReadULongPtrAcquire(&Table->TableCode);
    PVOID page = reinterpret_cast<PVOID>(code & ~ULONG_PTR(3));
    const ULONG number = Index / HANDLE_TABLE_PAGE_ENTRIES;
    switch (code & 3) {
    case 2: page = static_cast<PVOID*>(page)[number / HANDLE_TABLE_PAGE_POINTERS]; [[fallthrough]];
    case 1: page = static_cast<PVOID*>(page)[number % HANDLE_TABLE_PAGE_POINTERS]; break;
    default: break;
    }
    return static_cast<PHANDLE_TABLE_ENTRY>(page) + Index % HANDLE_TABLE_PAGE_ENTRIES;
}

bool ExpLockEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry) {
    for (;;) {
        const ULONG_PTR value = ReadULongPtrAcquire(&Entry->Value);
        if (value == 0) return false;
        if ((value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0)
            WaitForEntry(Table, Entry);
        else if (InterlockedCompareExchange(&Entry->Value, value | EXHANDLE_TABLE_ENTRY_LOCK_BIT, value) == value)
            return true;
    }
}

void ExpFreeEntries(PHANDLE_TABLE Table, ULONG First, PHANDLE_TABLE_ENTRY Last) {
    for (LONGLONG list = InterlockedCompareExchange64(&Table->FreeList, 0, 0);;) {
        __atomic_store_n(&Last->NextFreeTableEntry, ULONG(list), __ATOMIC_RELAXED);
        const LONGLONG seen = InterlockedCompareExchange64(&Table->FreeList, NextFreeList(list, First), list);
        if (seen == list) return;
        list = seen;
    }
}

extern "C" {

PHANDLE_TABLE_ENTRY NTAPI ExMapHandleToPointer(PHANDLE_TABLE Table, HANDLE Handle) {
    ExpAssertApcsDisabled();
    const ULONG_PTR index = reinterpret_cast<ULONG_PTR>(Handle) >> HANDLE_VALUE_SHIFT;
    if (index >= MAXIMUM_HANDLES) return nullptr;
    PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, ULONG(index));
    return entry && ExpLockEntry(Table, entry) ? entry : nullptr;
}

void NTAPI ExUnlockHandleTableEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry) {
    const ULONG_PTR value = Entry->Value;
    NT_ASSERT((value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0);
    InterlockedExchange(&Entry->Value, value & ~EXHANDLE_TABLE_ENTRY_LOCK_BIT);
    WakeWaiters(Table);
}

HANDLE NTAPI ExCreateHandle(PHANDLE_TABLE Table, const HANDLE_TABLE_ENTRY* Entry) {
    ExpAssertApcsDisabled();
    NT_ASSERT(Entry->Value != 0 && (Entry->Value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) == 0);
    const ULONG index = TakeEntry(Table);
    if (index == 0) return nullptr;
    PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, index);
    InterlockedIncrement(&Table->HandleCount);
    entry->GrantedAccess = Entry->GrantedAccess;
    InterlockedExchange(&entry->Value, Entry->Value); // from now on a look-up finds it
    return ExpHandleOf(index);
}

BOOLEAN NTAPI ExDestroyHandle(PHANDLE_TABLE Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Entry) {
    if (!Entry) Entry = ExMapHandleToPointer(Table, Handle);
    if (!Entry) return FALSE;
    NT_ASSERT((Entry->Value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0);
    InterlockedExchange(&Entry->Value, 0);
    WakeWaiters(Table);
    ExpFreeEntries(Table, ULONG(reinterpret_cast<ULONG_PTR>(Handle) >> HANDLE_VALUE_SHIFT), Entry);
    InterlockedDecrement(&Table->HandleCount);
    return TRUE;
}
}
