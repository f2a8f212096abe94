// Virtual memory of a process: reserving, committing, protecting, asking.
//
// The services are the native ones. They check what user mode gives (the previous mode decides; a Zw call comes from the
// kernel) and work on the address space of the process that the handle names: NtCurrentProcess() is that in which the caller runs. A handle
// of another process needs PROCESS_VM_OPERATION, to copy PROCESS_VM_READ or PROCESS_VM_WRITE, to ask PROCESS_QUERY_INFORMATION; a process
// that ends gives STATUS_PROCESS_IS_TERMINATING.
// In the books: "services provided by the memory manager", "reserving and committing pages". POL-06, TRP-06
#pragma once

#include "ke/dispatcher.h"
#include "nt/types.h"
#include "ntstatus.h"

/// The current process, as a handle.
constexpr LONG_PTR NT_CURRENT_PROCESS = -1;
inline HANDLE NtCurrentProcess() { return reinterpret_cast<HANDLE>(NT_CURRENT_PROCESS); }

// Page protections (documented values): one of the first eight, and what is added to it.
constexpr ULONG PAGE_NOACCESS = 0x01;
constexpr ULONG PAGE_READONLY = 0x02;
constexpr ULONG PAGE_READWRITE = 0x04;
constexpr ULONG PAGE_WRITECOPY = 0x08; ///< a write makes a private copy
constexpr ULONG PAGE_EXECUTE = 0x10;
constexpr ULONG PAGE_EXECUTE_READ = 0x20;
constexpr ULONG PAGE_EXECUTE_READWRITE = 0x40;
constexpr ULONG PAGE_EXECUTE_WRITECOPY = 0x80;
constexpr ULONG PAGE_GUARD = 0x100;   ///< the first use raises STATUS_GUARD_PAGE_VIOLATION; not with PAGE_NOACCESS
constexpr ULONG PAGE_NOCACHE = 0x200; ///< not with PAGE_NOACCESS, not with PAGE_GUARD

// What to do with a range, and what a range is (documented values).
constexpr ULONG MEM_COMMIT = 0x1000;
constexpr ULONG MEM_RESERVE = 0x2000;
constexpr ULONG MEM_DECOMMIT = 0x4000;
constexpr ULONG MEM_RELEASE = 0x8000;
constexpr ULONG MEM_FREE = 0x10000;
constexpr ULONG MEM_PRIVATE = 0x20000;
constexpr ULONG MEM_MAPPED = 0x40000;
constexpr ULONG MEM_RESET = 0x80000;
constexpr ULONG MEM_TOP_DOWN = 0x100000;
constexpr ULONG MEM_IMAGE = 0x1000000;

/// Ranges begin on a multiple of this.
constexpr ULONG MM_ALLOCATION_GRANULARITY = 0x10000;

/// What NtQueryVirtualMemory tells (MemoryBasicInformation): the run of pages of one state that begins at BaseAddress.
struct MEMORY_BASIC_INFORMATION {
    PVOID BaseAddress;       ///< the page that was asked for
    PVOID AllocationBase;    ///< where its range begins; nullptr: it is free
    ULONG AllocationProtect; ///< PAGE_*, as the range was made
    SIZE_T RegionSize;       ///< bytes from BaseAddress on that are alike
    ULONG State;             ///< MEM_COMMIT, MEM_RESERVE or MEM_FREE
    ULONG Protect;           ///< PAGE_*, now; 0 of reserved pages, PAGE_NOACCESS of free ones
    ULONG Type;              ///< MEM_PRIVATE, MEM_MAPPED or MEM_IMAGE; 0 if it is free
};
PUBLIC_SIZE(MEMORY_BASIC_INFORMATION, 28);

// Which lock NtLockVirtualMemory gives (documented values); both may be asked for.
constexpr ULONG MAP_PROCESS = 1; ///< the page stays in the working set
constexpr ULONG MAP_SYSTEM = 2;  ///< it stays in memory while the process is swapped out, too

struct EPROCESS;

/// What is asked of an address.
enum class MEMORY_INFORMATION_CLASS : LONG { MemoryBasicInformation = 0 };

extern "C" {
/// Reserves a range, commits pages of one, or both. @param BaseAddress in: where (rounded down to 64 KB for a reservation, to a
/// page for a commit), or nullptr: where there is room; out: where it begins. @param ZeroBits upper address bits that must
/// be 0, at most 20. @param RegionSize in and out, in bytes, rounded up to pages. @param AllocationType MEM_RESERVE, MEM_COMMIT,
/// MEM_RESET, MEM_TOP_DOWN. @param Protect PAGE_*, not a copy-on-write one.
/// @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; STATUS_INVALID_PARAMETER_n: that one; STATUS_INVALID_PAGE_PROTECTION;
/// STATUS_CONFLICTING_ADDRESSES: in use, or to be committed and not reserved; STATUS_NO_MEMORY: no room; STATUS_COMMITMENT_LIMIT;
/// STATUS_PAGEFILE_QUOTA_EXCEEDED: the process's limit; STATUS_INSUFFICIENT_RESOURCES; STATUS_PROCESS_IS_TERMINATING; from user
/// mode STATUS_ACCESS_VIOLATION and STATUS_DATATYPE_MISALIGNMENT: a pointer. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, ULONG_PTR ZeroBits,
                                                   SIZE_T* RegionSize, ULONG AllocationType, ULONG Protect);
NTKERNELAPI NTSTATUS NTAPI ZwAllocateVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, ULONG_PTR ZeroBits,
                                                   SIZE_T* RegionSize, ULONG AllocationType, ULONG Protect);
/// Decommits pages, or releases a range (all of it: *RegionSize 0; or a part, which splits it). @param FreeType MEM_DECOMMIT or
/// MEM_RELEASE. @returns STATUS_SUCCESS; STATUS_MEMORY_NOT_ALLOCATED; STATUS_FREE_VM_NOT_AT_BASE; STATUS_UNABLE_TO_FREE_VM: the
/// range ends before. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                               ULONG FreeType);
NTKERNELAPI NTSTATUS NTAPI ZwFreeVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                               ULONG FreeType);
/// Changes how committed pages may be used. @param OldAccessProtection receives the first page's protection.
/// @returns STATUS_SUCCESS; STATUS_NOT_COMMITTED; STATUS_INVALID_PAGE_PROTECTION; STATUS_CONFLICTING_ADDRESSES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                                  ULONG NewAccessProtection, ULONG* OldAccessProtection);
NTKERNELAPI NTSTATUS NTAPI ZwProtectVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                                  ULONG NewAccessProtection, ULONG* OldAccessProtection);
/// Tells about the pages around an address. @param MemoryInformation receives a MEMORY_BASIC_INFORMATION. @param ReturnLength may
/// be nullptr. @returns STATUS_SUCCESS; STATUS_INFO_LENGTH_MISMATCH; STATUS_INVALID_PARAMETER: not a user address. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress,
                                                MEMORY_INFORMATION_CLASS MemoryInformationClass,
                                                PVOID MemoryInformation, SIZE_T MemoryInformationLength,
                                                SIZE_T* ReturnLength);
NTKERNELAPI NTSTATUS NTAPI ZwQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress,
                                                MEMORY_INFORMATION_CLASS MemoryInformationClass,
                                                PVOID MemoryInformation, SIZE_T MemoryInformationLength,
                                                SIZE_T* ReturnLength);
/// Copies bytes of a process into the caller's memory, or the other way. @param BaseAddress in the process, @param Buffer in the
/// caller's address space. @param NumberOfBytes receives how many were copied; may be nullptr. @returns STATUS_SUCCESS;
/// STATUS_PARTIAL_COPY: a page of the way may not be used so, those in front of it were copied; STATUS_ACCESS_VIOLATION: user mode
/// names system space; STATUS_INVALID_HANDLE; STATUS_PROCESS_IS_TERMINATING. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtReadVirtualMemory(HANDLE ProcessHandle, const void* BaseAddress, PVOID Buffer,
                                               SIZE_T BufferSize, SIZE_T* NumberOfBytesRead);
NTKERNELAPI NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, const void* Buffer,
                                                SIZE_T BufferSize, SIZE_T* NumberOfBytesWritten);
/// The same between two processes. @param PreviousMode KernelMode: an address may be one of system space, and is believed.
/// @returns as above. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmCopyVirtualMemory(EPROCESS* FromProcess, const void* FromAddress, EPROCESS* ToProcess,
                                               PVOID ToAddress, SIZE_T BufferSize, KPROCESSOR_MODE PreviousMode,
                                               SIZE_T* NumberOfBytesCopied);
/// Brings pages into the working set and keeps them there until they are unlocked or freed. @param BaseAddress, RegionSize in and out:
/// rounded to pages. @param MapType MAP_PROCESS, MAP_SYSTEM. @returns STATUS_SUCCESS; STATUS_WAS_LOCKED: a page was locked before, all
/// are now; STATUS_WORKING_SET_QUOTA: so many do not fit into the least working set; STATUS_ACCESS_VIOLATION,
/// STATUS_GUARD_PAGE_VIOLATION, STATUS_IN_PAGE_ERROR: a page cannot be used. If it fails nothing is locked. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtLockVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                               ULONG MapType);
/// Takes locks away. @returns STATUS_SUCCESS; STATUS_NOT_LOCKED: a page is not locked so, and nothing has changed. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtUnlockVirtualMemory(HANDLE ProcessHandle, PVOID* BaseAddress, SIZE_T* RegionSize,
                                                 ULONG MapType);
/// After code was written: on return each processor that runs the process executes what is there now. @param BaseAddress nullptr: all
/// of it. @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; from user mode STATUS_ACCESS_VIOLATION. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtFlushInstructionCache(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T Length);
NTKERNELAPI NTSTATUS NTAPI ZwFlushInstructionCache(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T Length);
}
