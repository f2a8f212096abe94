// Handle tables: made, made longer, copied, walked, destroyed.
//
// A table grows by one page of entries at a time. The page hangs in the tree before NextHandleNeedingPool tells of it, and a new
// highest page holds the old one before TableCode leads to it. So a reader never meets a pointer that is not there yet.
// Locks: HandleTableLock of the table that grows; HandleTableListLock guards the list of all tables.
// In the books: "object handles and the process handle table". OBJ-07
#include "ex/handlep.h"
#include "ex/handlepeek.h"
#include "nt/atomic.h"
#include "rtl/memory.h"

constinit KSPIN_LOCK HandleTableListLock = {};
LIST_ENTRY HandleTableListHead = {&HandleTableListHead, &HandleTableListHead};

namespace {

// Pages are non-paged, as all that boot needs: the System process's table is there before paged pool has to work.
PVOID NewPage() {
    PVOID const page = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, EX_HANDLE_TAG);
    if (page) RtlZeroMemory(page, PAGE_SIZE);
    return page;
}

void FreePage(PVOID page) { ExFreePoolWithTag(page, EX_HANDLE_TAG); }

PVOID* PointersOf(ULONG_PTR code) { return reinterpret_cast<PVOID*>(code & ~ULONG_PTR(3)); }

/// Whether the tree of `level` has room for the page of entries with this number.
bool HasRoom(ULONG_PTR level, ULONG number) {
    ULONGLONG pages = 1;
    for (ULONG_PTR i = 0; i < level; i++)
        pages *= HANDLE_TABLE_PAGE_POINTERS;
    return number < pages;
}

/// Puts a page of pointers above the highest page.
bool AddLevel(PHANDLE_TABLE table) {
    const ULONG_PTR code = table->TableCode;
    auto* const page = static_cast<PVOID*>(NewPage());
    if (!page) return false;
    page[0] = PointersOf(code);
    WriteULongPtrRelease(&table->TableCode, reinterpret_cast<ULONG_PTR>(page) | ((code & 3) + 1));
    return true;
}

/// Hangs a page of entries in the tree. @returns false: no memory for a page of pointers.
bool Hang(PHANDLE_TABLE table, ULONG number, PVOID page) {
    const ULONG_PTR code = table->TableCode;
    if (number == 0) {
        table->TableCode = reinterpret_cast<ULONG_PTR>(page);
        return true;
    }
    PVOID* pointers = PointersOf(code);
    if ((code & 3) == 2) {
        PVOID& middle = pointers[number / HANDLE_TABLE_PAGE_POINTERS];
        if (!middle) middle = NewPage();
        if (!middle) return false;
        pointers = static_cast<PVOID*>(middle);
    }
    pointers[number % HANDLE_TABLE_PAGE_POINTERS] = page;
    return true;
}

/// A table without a page. It is on no list yet.
PHANDLE_TABLE NewTable(EPROCESS* process) {
    auto* const table =
        static_cast<HANDLE_TABLE*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(HANDLE_TABLE), EX_HANDLE_TAG));
    if (!table) return nullptr;
    *table = {};
    table->QuotaProcess = process;
    InitializeListHead(&table->HandleTableList);
    ExInitializePushLock(&table->HandleTableLock);
    KeInitializeSpinLock(&table->WaitLock, KLOCK_RANK::Object);
    return table;
}

void FreeTable(PHANDLE_TABLE table) {
    const ULONG_PTR level = table->TableCode & 3;
    PVOID* const highest = PointersOf(table->TableCode);
    for (ULONG i = 0; level != 0 && i < HANDLE_TABLE_PAGE_POINTERS && highest[i]; i++) {
        auto* const lower = static_cast<PVOID*>(highest[i]);
        for (ULONG j = 0; level == 2 && j < HANDLE_TABLE_PAGE_POINTERS && lower[j]; j++)
            FreePage(lower[j]);
        FreePage(lower);
    }
    if (highest) FreePage(highest);
    ExFreePoolWithTag(table, EX_HANDLE_TAG);
}

void Enlist(PHANDLE_TABLE table) {
    const nt::SpinLockGuard guard(HandleTableListLock);
    InsertTailList(&HandleTableListHead, &table->HandleTableList);
}

/// Copies what the routine chooses; the rest becomes the new table's free list, the lowest index first.
void CopyEntries(PHANDLE_TABLE table, PHANDLE_TABLE oldTable, EX_DUPLICATE_HANDLE_ROUTINE* routine) {
    for (ULONG index = ULONG(table->NextHandleNeedingPool); index-- > 0;) {
        PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(table, index);
        if (!entry) continue;
        PHANDLE_TABLE_ENTRY const old = ExpLookupEntry(oldTable, index);
        bool chosen = false;
        if (ExpLockEntry(oldTable, old)) {
            HANDLE_TABLE_ENTRY copy = {.Object = reinterpret_cast<PVOID>(old->Value & ~EXHANDLE_TABLE_ENTRY_LOCK_BIT),
                                       .GrantedAccess = old->GrantedAccess};
            chosen = routine(old, &copy);
            ExUnlockHandleTableEntry(oldTable, old);
            if (chosen) *entry = copy;
        }
        if (chosen)
            InterlockedIncrement(&table->HandleCount);
        else
            ExpFreeEntries(table, index, entry);
    }
}

} // namespace

PHANDLE_TABLE_ENTRY ExpAddPage(PHANDLE_TABLE Table, ULONG* First) {
    *First = ULONG(Table->NextHandleNeedingPool);
    const ULONG number = *First / HANDLE_TABLE_PAGE_ENTRIES;
    if (*First >= MAXIMUM_HANDLES) return nullptr;
    if (!HasRoom(Table->TableCode & 3, number) && !AddLevel(Table)) return nullptr;
    auto* const page = static_cast<PHANDLE_TABLE_ENTRY>(NewPage());
    if (!page) return nullptr;
    if (!Hang(Table, number, page)) {
        FreePage(page);
        return nullptr;
    }
    WriteRelease(&Table->NextHandleNeedingPool, LONG(*First + HANDLE_TABLE_PAGE_ENTRIES));
    return page;
}

bool ExpGrowTable(PHANDLE_TABLE Table) {
    ULONG first;
    PHANDLE_TABLE_ENTRY const page = ExpAddPage(Table, &first);
    if (!page) return false;
    for (ULONG i = 1; i < HANDLE_TABLE_PAGE_ENTRIES - 1; i++)
        page[i].NextFreeTableEntry = first + i + 1;
    ExpFreeEntries(Table, first + 1, &page[HANDLE_TABLE_PAGE_ENTRIES - 1]);
    return true;
}

extern "C" {

PHANDLE_TABLE NTAPI ExCreateHandleTable(EPROCESS* Process) {
    PHANDLE_TABLE const table = NewTable(Process);
    if (!table) return nullptr;
    if (!ExpGrowTable(table)) {
        FreeTable(table);
        return nullptr;
    }
    Enlist(table);
    return table;
}

PHANDLE_TABLE NTAPI ExDupHandleTable(EPROCESS* Process, PHANDLE_TABLE OldTable, EX_DUPLICATE_HANDLE_ROUTINE* Routine) {
    PHANDLE_TABLE const table = NewTable(Process);
    if (!table) return nullptr;
    const LONG length = ReadAcquire(&OldTable->NextHandleNeedingPool); // what is added from now on is not copied
    while (table->NextHandleNeedingPool < length) {
        ULONG first;
        if (ExpAddPage(table, &first)) continue;
        FreeTable(table);
        return nullptr;
    }
    CopyEntries(table, OldTable, Routine);
    Enlist(table);
    return table;
}

void NTAPI ExRemoveHandleTable(PHANDLE_TABLE Table) {
    const nt::SpinLockGuard guard(HandleTableListLock);
    RemoveEntryList(&Table->HandleTableList);
    InitializeListHead(&Table->HandleTableList); // a second call does no harm
}

void NTAPI ExDestroyHandleTable(PHANDLE_TABLE Table) {
    NT_ASSERT(!Table->Waiters);
    ExRemoveHandleTable(Table);
    FreeTable(Table);
}

BOOLEAN NTAPI ExPeekHandle(const HANDLE_TABLE* Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Copy) {
    const ULONG_PTR index = reinterpret_cast<ULONG_PTR>(Handle) >> HANDLE_VALUE_SHIFT;
    const HANDLE_TABLE_ENTRY* const entry = index < MAXIMUM_HANDLES ? ExpLookupEntry(Table, ULONG(index)) : nullptr;
    if (!entry || entry->Value == 0) return FALSE;
    *Copy = {.Object = reinterpret_cast<PVOID>(entry->Value & ~EXHANDLE_TABLE_ENTRY_LOCK_BIT),
             .GrantedAccess = entry->GrantedAccess};
    return TRUE;
}

void NTAPI ExSweepHandleTable(PHANDLE_TABLE Table, EX_SWEEP_HANDLE_ROUTINE* Routine, PVOID Context) {
    for (ULONG index = 1; index < ULONG(ReadAcquire(&Table->NextHandleNeedingPool)); index++) {
        PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, index);
        if (entry && ExpLockEntry(Table, entry)) Routine(Table, entry, ExpHandleOf(index), Context);
    }
}

BOOLEAN NTAPI ExEnumHandleTable(PHANDLE_TABLE Table, EX_ENUMERATE_HANDLE_ROUTINE* Routine, PVOID Context,
                                HANDLE* Handle) {
    for (ULONG index = 1; index < ULONG(ReadAcquire(&Table->NextHandleNeedingPool)); index++) {
        PHANDLE_TABLE_ENTRY const entry = ExpLookupEntry(Table, index);
        if (!entry || !ExpLockEntry(Table, entry)) continue;
        const BOOLEAN ended = Routine(entry, ExpHandleOf(index), Context);
        ExUnlockHandleTableEntry(Table, entry);
        if (!ended) continue;
        if (Handle) *Handle = ExpHandleOf(index);
        return TRUE;
    }
    return FALSE;
}
}
