// Handle tables: from a small number to a pointer and 32 bits more, for as many readers at once as there are.
//
// A table is a tree of pages with up to three levels. A page of the lowest level has 512 entries of 8 bytes; its first entry is
// kept for auditing and never given out, so the value 0 is no handle. A handle is the index of its entry times four: the two low
// bits are the caller's, and ignored.
// An entry in use holds a pointer, whose three low bits are flags; the lowest one is the entry's lock. A free entry holds 0 and the
// index of the next free one.
// Invariants: pages are added, and stay until the table is destroyed, so a look-up takes no lock of the table. The object of a locked
// entry does not change, but by the thread that locked it. An entry is in use, or on the free list, or on its way between the two.
// Locks: each entry's own bit; HandleTableLock for growth; the free list changes by compare-exchange of 8 bytes (index and
// sequence). An entry is locked for a few instructions, in a critical region, so that no APC finds it locked by its own thread.
// IRQL: <= APC_LEVEL, PASSIVE_LEVEL in a critical region.
// In the books: "object handles and the process handle table". OBJ-06, OBJ-07
#pragma once

#include "ex/pushlock.h"
#include "ke/spinlock.h"
#include "nt/list.h"

struct EPROCESS;

/// What a handle leads to. The owner of the table gives both words their meaning.
/// shared: Value changes by interlocked operations; the other word belongs to the thread that has the entry locked
struct HANDLE_TABLE_ENTRY {
    union {
        PVOID Object; ///< as the owner gives it, flags included; never locked
        volatile ULONG_PTR Value;
    };
    union {
        ULONG GrantedAccess;
        ULONG NextFreeTableEntry; ///< index, while the entry is free; 0: none
    };
};
using PHANDLE_TABLE_ENTRY = HANDLE_TABLE_ENTRY*;
PUBLIC_SIZE(HANDLE_TABLE_ENTRY, 8);

constexpr ULONG_PTR EXHANDLE_TABLE_ENTRY_LOCK_BIT = 1;
constexpr ULONG HANDLE_VALUE_SHIFT = 2; ///< a handle is an index times four
constexpr ULONG HANDLE_TABLE_PAGE_ENTRIES = PAGE_SIZE / sizeof(HANDLE_TABLE_ENTRY);
constexpr ULONG HANDLE_TABLE_PAGE_POINTERS = PAGE_SIZE / sizeof(PVOID);
constexpr ULONG MAXIMUM_HANDLES = 1u << 24;

/// A thread that waits for the lock of an entry. On its stack.
struct HANDLE_TABLE_WAITER;

/// The handles of a process, or of another owner.
/// shared: the counts and the free list change by interlocked operations; Waiters under WaitLock
struct HANDLE_TABLE {
    volatile ULONG_PTR
        TableCode;          ///< the highest page; its two low bits are the level, 0..2. Changes under HandleTableLock
    EPROCESS* QuotaProcess; ///< whose table it is; nullptr: no process's
    LIST_ENTRY HandleTableList;   ///< of all tables, until ExRemoveHandleTable
    EX_PUSH_LOCK HandleTableLock; ///< growth
    volatile LONGLONG FreeList;   ///< low half: index of the first free entry, or 0; high half: grows with each change
    volatile LONG NextHandleNeedingPool; ///< indexes below it have an entry. Changes under HandleTableLock
    volatile LONG HandleCount;
    KSPIN_LOCK WaitLock;
    HANDLE_TABLE_WAITER* volatile Waiters; ///< threads that wait for a locked entry
};
using PHANDLE_TABLE = HANDLE_TABLE*;

/// Is called with a locked entry and unlocks it, or destroys the handle.
using EX_SWEEP_HANDLE_ROUTINE = void NTAPI(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry, HANDLE Handle,
                                           PVOID Context);
/// Is called with a locked entry, which the caller unlocks. @returns whether the enumeration ends here
using EX_ENUMERATE_HANDLE_ROUTINE = BOOLEAN NTAPI(PHANDLE_TABLE_ENTRY Entry, HANDLE Handle, PVOID Context);
/// Is called with a locked entry of the old table; may change the copy. @returns whether the new table gets it
using EX_DUPLICATE_HANDLE_ROUTINE = BOOLEAN NTAPI(PHANDLE_TABLE_ENTRY OldEntry, PHANDLE_TABLE_ENTRY NewEntry);

extern "C" {
/// All tables, by HandleTableList.
NTKERNELAPI extern KSPIN_LOCK HandleTableListLock;
NTKERNELAPI extern LIST_ENTRY HandleTableListHead; // HandleTableListLock
/// Makes an empty table. @param Process the owner, for debuggers; may be nullptr. @returns nullptr without memory.
/// @irql <= APC_LEVEL
NTKERNELAPI PHANDLE_TABLE NTAPI ExCreateHandleTable(EPROCESS* Process);
/// Makes a table with the entries of another one that `Routine` chooses, under the same handles. @returns nullptr without memory;
/// then no entry was chosen. @irql <= APC_LEVEL, critical region
NTKERNELAPI PHANDLE_TABLE NTAPI ExDupHandleTable(EPROCESS* Process, PHANDLE_TABLE OldTable,
                                                 EX_DUPLICATE_HANDLE_ROUTINE* Routine);
/// Takes the table off the list of all tables: debuggers do not find it any more. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExRemoveHandleTable(PHANDLE_TABLE Table);
/// Frees the table. No thread uses it any more, and what its entries named is the caller's matter. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExDestroyHandleTable(PHANDLE_TABLE Table);
/// Makes a handle. @param Entry is copied; its Object is not 0 and not locked. @returns the handle; nullptr: no memory, or
/// MAXIMUM_HANDLES. @irql <= APC_LEVEL, critical region
NTKERNELAPI HANDLE NTAPI ExCreateHandle(PHANDLE_TABLE Table, const HANDLE_TABLE_ENTRY* Entry);
/// Destroys a handle: its number may become that of another one at once. @param Entry the locked entry, or nullptr: it is looked up.
/// @returns FALSE: there is no such handle. @irql <= APC_LEVEL, critical region
NTKERNELAPI BOOLEAN NTAPI ExDestroyHandle(PHANDLE_TABLE Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Entry);
/// Finds a handle's entry and locks it. @returns nullptr: there is no such handle. @irql <= APC_LEVEL, critical region
NTKERNELAPI PHANDLE_TABLE_ENTRY NTAPI ExMapHandleToPointer(PHANDLE_TABLE Table, HANDLE Handle)
    EXCLUDES_(AtDispatchLevel);
/// @irql <= APC_LEVEL, still in the critical region
NTKERNELAPI void NTAPI ExUnlockHandleTableEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry);
/// Calls `Routine` with each handle that there is, in the order of their values. Handles that are made or destroyed meanwhile may be
/// met or not. @irql <= APC_LEVEL, critical region; outside of one if no other thread uses the table
NTKERNELAPI void NTAPI ExSweepHandleTable(PHANDLE_TABLE Table, EX_SWEEP_HANDLE_ROUTINE* Routine, PVOID Context);
/// The same until `Routine` says that it ends. @param Handle receives the handle at which it ended; may be nullptr.
/// @returns whether one ended it. @irql <= APC_LEVEL, critical region
NTKERNELAPI BOOLEAN NTAPI ExEnumHandleTable(PHANDLE_TABLE Table, EX_ENUMERATE_HANDLE_ROUTINE* Routine, PVOID Context,
                                            HANDLE* Handle);
}
