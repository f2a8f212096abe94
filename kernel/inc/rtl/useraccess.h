// Access to user memory: the only way in which kernel code touches it.
//
// A user address may be anything: kernel space, unmapped, unmapped in the next moment. Every routine here first checks
// that the range lies in user space, and every access that may fault happens inside these routines, out of line, because
// the compiler protects calls in a __try, not single memory accesses. What fails raises; call them inside a __try.
// In the books: "probing and capturing parameters". EXC-03, EXE-01
#pragma once

#include "nt/types.h"

constexpr ULONG_PTR MM_USER_PROBE_ADDRESS = 0x7FFF0000; ///< first address above user space (64 KB below 2 GB)

extern "C" {
/// Raises STATUS_DATATYPE_MISALIGNMENT unless `Address` is a multiple of `Alignment` (1, 2, 4, 8), and
/// STATUS_ACCESS_VIOLATION unless all `Length` bytes lie in user space. Touches nothing. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ProbeForRead(const volatile void* Address, SIZE_T Length, ULONG Alignment);
/// As ProbeForRead, and writes each page once (with what is there), so that a page that cannot be written raises now.
NTKERNELAPI void NTAPI ProbeForWrite(volatile void* Address, SIZE_T Length, ULONG Alignment);

NTKERNELAPI ULONG NTAPI ReadULongFromUser(const volatile ULONG* Source);
NTKERNELAPI void NTAPI WriteULongToUser(volatile ULONG* Destination, ULONG Value);
NTKERNELAPI void NTAPI CopyFromUser(void* Destination, const volatile void* Source, SIZE_T Length);
NTKERNELAPI void NTAPI CopyToUser(volatile void* Destination, const void* Source, SIZE_T Length);
}

// The same for the words that services take most often. A LARGE_INTEGER needs the alignment of its halves only.

inline ULONG ProbeAndReadUlong(const volatile ULONG* Address) {
    ProbeForRead(Address, sizeof(*Address), sizeof(ULONG));
    return ReadULongFromUser(Address);
}
inline LARGE_INTEGER ProbeAndReadLargeInteger(const volatile LARGE_INTEGER* Address) {
    LARGE_INTEGER value;
    ProbeForRead(Address, sizeof(value), sizeof(ULONG));
    CopyFromUser(&value, Address, sizeof(value));
    return value;
}
inline HANDLE ProbeAndReadHandle(const volatile HANDLE* Address) {
    HANDLE value;
    ProbeForRead(Address, sizeof(value), sizeof(value));
    CopyFromUser(&value, Address, sizeof(value));
    return value;
}
inline void ProbeForWriteUlong(volatile ULONG* Address) { ProbeForWrite(Address, sizeof(*Address), sizeof(ULONG)); }
inline void ProbeForWriteHandle(volatile HANDLE* Address) { ProbeForWrite(Address, sizeof(*Address), sizeof(HANDLE)); }
inline void ProbeForWriteLargeInteger(volatile LARGE_INTEGER* Address) {
    ProbeForWrite(Address, sizeof(*Address), sizeof(ULONG));
}
