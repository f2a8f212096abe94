// The basic types of NT, with the same width in the kernel (i686) and in host tests (x86-64).
//
// Books and the DDK spell these names in capitals; they are kept so that a reader recognises them.
// LONG and ULONG are always 32 bits here: the host's `long` is not.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

using UCHAR = uint8_t;
using USHORT = uint16_t;
using ULONG = uint32_t;
using ULONGLONG = uint64_t;
using ULONG64 = uint64_t;
using CHAR = char;
using SCHAR = int8_t;
using SHORT = int16_t;
using LONG = int32_t;
using LONGLONG = int64_t;
using BOOLEAN = bool;
using WCHAR = char16_t;
using ULONG_PTR = uintptr_t;
using LONG_PTR = intptr_t;
using SIZE_T = size_t;
using PVOID = void*;
using HANDLE = PVOID;
using PCSTR = const char*;
using PSTR = char*;

/// A processor set: bit n stands for processor n.
using KAFFINITY = ULONG;
/// A scheduling priority, 0..31, or a difference of two of them.
using KPRIORITY = LONG;
/// Number of a physical page (address / PAGE_SIZE).
using PFN_NUMBER = ULONG;

/// A signed 64-bit value that books pass by pointer (times, mostly, in units of 100 ns).
union LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    LONGLONG QuadPart;
};
using PLARGE_INTEGER = LARGE_INTEGER*;

/// A physical address. The kernel runs without PAE and reaches the first 4 GB only, so it computes with a ULONG inside.
using PHYSICAL_ADDRESS = LARGE_INTEGER;

#define TRUE true
#define FALSE false

#if defined(__i386__)
#define NTAPI __stdcall
#define FASTCALL __fastcall
#define CDECL __cdecl
#else // host tests: one calling convention
#define NTAPI
#define FASTCALL
#define CDECL
#endif

/// NTEXPORT: kept by the linker although no image calls it, say for a call from the host.
#if defined(__i386__) && defined(_WIN32)
#define NTEXPORT __declspec(dllexport)
#define NTIMPORT __declspec(dllimport)
#else
#define NTEXPORT
#define NTIMPORT
#endif

/// Public routines of the kernel image, and of ntdll.dll in user mode: other images import them. What the kernel exports is listed in
/// kernel/ntos/ntoskrnl.def. The C run-time pieces (crt.lib) are linked into every image, so they import nothing.
#if defined(MICA_NTOSKRNL) || defined(MICA_CRT) || defined(MICA_NTDLL)
#define NTKERNELAPI
#else
#define NTKERNELAPI NTIMPORT
#endif

/// Public routines of the HAL image (kernel/hal/hal.def).
#if defined(MICA_HAL)
#define NTHALAPI
#else
#define NTHALAPI NTIMPORT
#endif

constexpr ULONG PAGE_SIZE = 4096;
constexpr ULONG PAGE_SHIFT = 12;

/// Hold a structure to the layout that the public headers give it. The host's pointers are wider, so only the kernel is held.
#define PUBLIC_SIZE(type, bytes) static_assert(sizeof(PVOID) != 4 || sizeof(type) == (bytes))
#define PUBLIC_OFFSET(type, field, bytes) static_assert(sizeof(PVOID) != 4 || offsetof(type, field) == (bytes))

#define CONTAINING_RECORD(address, type, field) \
    (reinterpret_cast<type*>(reinterpret_cast<ULONG_PTR>(address) - offsetof(type, field)))
