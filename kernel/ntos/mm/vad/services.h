// The services of virtual memory, behind their calls: they work on one address space and its page tables, and take no
// handle and no user memory. virtual.cpp has the calls.
//
// Each locks what it changes: AddressCreationLock, then Vm.WorkingSetMutex. Each returns what mm/virtual.h says, and one that
// fails has changed nothing. IRQL: PASSIVE_LEVEL.
// In the books: "services provided by the memory manager". POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/layout.h"
#include "mm/vad/pagetable.h"
#include "mm/vad/vad.h"
#include "ntstatus.h"

constexpr ULONG MI_LOWEST_USER_VPN = MM_LOWEST_USER_ADDRESS >> PAGE_SHIFT;
// Ranges end below the page that the kernel shares with user mode. It is every process's, and no range's.
constexpr ULONG MI_HIGHEST_USER_VPN = (MM_SHARED_USER_DATA >> PAGE_SHIFT) - 1;
constexpr ULONG_PTR MI_END_OF_USER = MM_SHARED_USER_DATA;

/// NtAllocateVirtualMemory. @param base, size in and out.
NTSTATUS MiAllocateVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, ULONG_PTR zeroBits,
                                 SIZE_T* size, ULONG type, ULONG protect);
/// NtFreeVirtualMemory. @param base, size in and out.
NTSTATUS MiFreeVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, SIZE_T* size, ULONG type);
/// NtProtectVirtualMemory. @param base, size in and out. @param[out] oldProtect PAGE_* of the first page.
NTSTATUS MiProtectVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, SIZE_T* size,
                                ULONG protect, ULONG* oldProtect);
/// NtQueryVirtualMemory, MemoryBasicInformation.
struct MEMORY_BASIC_INFORMATION;
NTSTATUS MiQueryVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR address,
                              MEMORY_BASIC_INFORMATION* information);
/// NtLockVirtualMemory and NtUnlockVirtualMemory, in the current address space: lockpages.cpp. @param base, size in and out. @param
/// locks MAP_PROCESS, MAP_SYSTEM
NTSTATUS MiLockVirtualMemory(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size, ULONG locks);
NTSTATUS MiUnlockVirtualMemory(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size, ULONG locks);
/// Frees all private ranges of an address space that is being deleted. Views of sections have been unmapped before.
void MiDeletePrivateRanges(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table);
