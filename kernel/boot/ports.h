// ports.h - the processor's I/O instructions, for the loader.
#pragma once

#include "nt/types.h"

namespace boot {

inline void WritePort(USHORT port, UCHAR value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

inline UCHAR ReadPort(USHORT port) {
    UCHAR value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

} // namespace boot
