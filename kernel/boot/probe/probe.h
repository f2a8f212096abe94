// probe.h - a kernel, a HAL and a driver that only report how the loader left the machine; test_boot.py reads it.
//
// They import from each other in a ring, by routine and by variable, need relocation, and have data that is larger in
// memory than in the file.
#pragma once

#include "ldr.h"

#if defined(PROBE_HAL)
#define HAL_API __declspec(dllexport)
#else
#define HAL_API __declspec(dllimport)
#endif
#if defined(PROBE_KERNEL)
#define KERNEL_API __declspec(dllexport)
#else
#define KERNEL_API __declspec(dllimport)
#endif

extern "C" {
HAL_API void __stdcall HalPutCharacter(char c);
HAL_API int __fastcall HalAddKernelVariable(int value); ///< KernelTwice(value) + KernelVariable
HAL_API extern int HalVariable;
KERNEL_API int __fastcall KernelTwice(int value);
KERNEL_API extern int KernelVariable;
}

inline void WritePort(USHORT port, UCHAR value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

inline UCHAR ReadPort(USHORT port) {
    UCHAR value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
