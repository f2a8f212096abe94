// Virtual memory of a process: how pages may be used, and what is done with ranges.
//
// In the books: "protecting memory", "reserving and committing pages". POL-06
#pragma once

#include "nt/types.h"

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
