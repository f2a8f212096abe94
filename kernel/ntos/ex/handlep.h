// Private to ex: what the files of the handle table share.
#pragma once

#include "ex/exp.h"
#include "ex/handle.h"

constexpr ULONG EX_HANDLE_TAG = EX_TAG("Obtb");

/// The entry of an index, whether it is free or in use. @returns nullptr: the table has none, or it is never given out. @irql any
PHANDLE_TABLE_ENTRY ExpLookupEntry(const HANDLE_TABLE* Table, ULONG Index);
/// Locks an entry that is in use. @returns false: it is free. @irql <= APC_LEVEL, critical region
bool ExpLockEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry) EXCLUDES_(AtDispatchLevel);
/// Gives entries to the free list. @param First, Last a chain by NextFreeTableEntry
void ExpFreeEntries(PHANDLE_TABLE Table, ULONG First, PHANDLE_TABLE_ENTRY Last);
/// Makes the table one page of entries longer. @param First receives the index of the page's first entry.
/// @returns the page, cleared; nullptr: no memory, or the table is full. @irql <= APC_LEVEL, HandleTableLock held or no other user
PHANDLE_TABLE_ENTRY ExpAddPage(PHANDLE_TABLE Table, ULONG* First);
/// Adds a page and gives its entries to the free list. @returns false: no memory, or full. @irql as above
bool ExpGrowTable(PHANDLE_TABLE Table);

inline HANDLE ExpHandleOf(ULONG index) { return reinterpret_cast<HANDLE>(ULONG_PTR(index) << HANDLE_VALUE_SHIFT); }
