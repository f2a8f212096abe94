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
