// Handles: looked up, locked, made, destroyed.
//
// A thread that finds an entry locked puts a block on the table's list of waiters, and only then looks at the bit again. The thread that
// clears the bit reads the list afterwards. So one of the two sees the other. All waiters wake: the list does not tell for which entry
// each waits.
// In the books: "object handles and the process handle table". OBJ-06, OBJ-07
#include "ex/handlep.h"
#include "nt/atomic.h"

/// A thread that waits for the lock of an entry. On its stack.
struct HANDLE_TABLE_WAITER {
    KGATE Gate;
    HANDLE_TABLE_WAITER* Next;
};

// LAB(1.5) begin
namespace {

// The free list's word has an index and a sequence number. A thread that takes the first entry reads the index of the second one
// while others may take both and give the first one back; the sequence has changed then, and the compare-exchange fails.

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

} // namespace
// LAB(1.5) else
//| // Room for helpers of your own.
// LAB(1.5) end

namespace {

/// Sleeps until an entry of the table was unlocked, unless this one is unlocked already.
[[maybe_unused]] void WaitForEntry(PHANDLE_TABLE table, const HANDLE_TABLE_ENTRY* entry) {
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
[[maybe_unused]] void WakeWaiters(PHANDLE_TABLE table) {
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

/// The entry of an index, whether it is free or in use. Takes no lock: a table only grows, and other threads may make it longer at the
/// same time (ex/handle.h, handletable.cpp).
///
/// - TableCode says where the highest page is and of which level: at level 0 it is a page of entries, at level 1 a page of pointers to
///   such pages, at level 2 a page of pointers to pages of pointers. A page has HANDLE_TABLE_PAGE_ENTRIES entries, or
///   HANDLE_TABLE_PAGE_POINTERS pointers.
/// @returns nullptr: the index is NextHandleNeedingPool or more, or that of the first entry of a page, which is never given out
PHANDLE_TABLE_ENTRY ExpLookupEntry(const HANDLE_TABLE* Table, ULONG Index) {
    // LAB(1.5) begin
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
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Locks an entry that is in use. While another thread has it locked this one waits, and looks anew afterwards (WaitForEntry): the
/// handle may be gone by then.
///
/// - Post, if true: EXHANDLE_TABLE_ENTRY_LOCK_BIT of Value was clear and is set; nothing else has changed. One thread has the lock.
/// @returns false: the entry is free
bool ExpLockEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry) {
    // LAB(1.5) begin
    for (;;) {
        const ULONG_PTR value = ReadULongPtrAcquire(&Entry->Value);
        if (value == 0) return false;
        if ((value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0)
            WaitForEntry(Table, Entry);
        else if (InterlockedCompareExchange(&Entry->Value, value | EXHANDLE_TABLE_ENTRY_LOCK_BIT, value) == value)
            return true;
    }
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Gives entries to the free list: those of a chain by NextFreeTableEntry, from index `First` to the entry `Last`.
///
/// - The entries of the chain come before those that are free already. FreeList has the index of the first one, or 0; each
///   NextFreeTableEntry the next index, and that of the last one 0.
/// - Other threads take and give entries at the same time. No entry is lost or on the list twice, whatever they do between any two
///   instructions: entries that were first may have been taken and given back meanwhile. FreeList's high half grows with each change.
void ExpFreeEntries(PHANDLE_TABLE Table, ULONG First, PHANDLE_TABLE_ENTRY Last) {
    // LAB(1.5) begin
    for (LONGLONG list = InterlockedCompareExchange64(&Table->FreeList, 0, 0);;) {
        __atomic_store_n(&Last->NextFreeTableEntry, ULONG(list), __ATOMIC_RELAXED);
        const LONGLONG seen = InterlockedCompareExchange64(&Table->FreeList, NextFreeList(list, First), list);
        if (seen == list) return;
        list = seen;
    }
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

extern "C" {

/// Finds the entry of a handle, and locks it. The two low bits of a handle do not count; every number that is not the handle of an entry
/// in use leads to nullptr, those above MAXIMUM_HANDLES times four too.
PHANDLE_TABLE_ENTRY NTAPI ExMapHandleToPointer(PHANDLE_TABLE Table, HANDLE Handle) {
    // LAB(1.5) begin
    ExpAssertApcsDisabled();
    const ULONG_PTR index = reinterpret_cast<ULONG_PTR>(Handle) >> HANDLE_VALUE_SHIFT;
    if (index >= MAXIMUM_HANDLES) return nullptr;
    PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, ULONG(index));
    return entry && ExpLockEntry(Table, entry) ? entry : nullptr;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Unlocks an entry, and then wakes the threads that wait (WakeWaiters). Nothing but the lock bit changes.
void NTAPI ExUnlockHandleTableEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry) {
    // LAB(1.5) begin
    const ULONG_PTR value = Entry->Value;
    NT_ASSERT((value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0);
    InterlockedExchange(&Entry->Value, value & ~EXHANDLE_TABLE_ENTRY_LOCK_BIT);
    WakeWaiters(Table);
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Makes a handle for what `Entry` says.
///
/// - Its entry is the first one of the free list. If none is free the table becomes longer (ExpGrowTable), with HandleTableLock held
///   exclusively, and by one page even if several threads find the list empty.
/// - A look-up that finds the entry in use finds all of it: GrantedAccess is there before Value. HandleCount is one more.
/// @returns the index of the entry times four (ExpHandleOf); nullptr: the table cannot become longer. Then nothing has changed
HANDLE NTAPI ExCreateHandle(PHANDLE_TABLE Table, const HANDLE_TABLE_ENTRY* Entry) {
    // LAB(1.5) begin
    ExpAssertApcsDisabled();
    NT_ASSERT(Entry->Value != 0 && (Entry->Value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) == 0);
    const ULONG index = TakeEntry(Table);
    if (index == 0) return nullptr;
    PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, index);
    InterlockedIncrement(&Table->HandleCount);
    entry->GrantedAccess = Entry->GrantedAccess;
    InterlockedExchange(&entry->Value, Entry->Value); // from now on a look-up finds it
    return ExpHandleOf(index);
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Destroys a handle. @param Entry that of the handle, locked; nullptr: it is looked up
///
/// - The entry is free, and the first one of the free list: the next handle has its number. It leaves the list for no other thread
///   while a look-up can still find what it was. HandleCount is one less.
/// - Threads that wait for the entry wake, and find that it is free.
/// @returns FALSE: there is no such handle, and nothing has changed
BOOLEAN NTAPI ExDestroyHandle(PHANDLE_TABLE Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Entry) {
    // LAB(1.5) begin
    if (!Entry) Entry = ExMapHandleToPointer(Table, Handle);
    if (!Entry) return FALSE;
    NT_ASSERT((Entry->Value & EXHANDLE_TABLE_ENTRY_LOCK_BIT) != 0);
    InterlockedExchange(&Entry->Value, 0);
    WakeWaiters(Table);
    ExpFreeEntries(Table, ULONG(reinterpret_cast<ULONG_PTR>(Handle) >> HANDLE_VALUE_SHIFT), Entry);
    InterlockedDecrement(&Table->HandleCount);
    return TRUE;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}
}
