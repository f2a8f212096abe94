// console.h - what the loader says: VGA text and COM1 (115200 8N1), and how it gives up.
//
// Formats: %s string, %c character, %u decimal, %x hexadecimal (8 digits with %X).
#pragma once

#include "nt/types.h"

namespace boot {

/// Programs COM1. Nothing is printed yet.
void ConsoleInitialize();

/// Prints on COM1 only: progress lines.
void SerialPrint(const char* format, ...);

/// Says what is wrong and what to do about it, on the screen and on COM1, ends QEMU where it has an
/// isa-debug-exit device at port 0xF4 (value 0x7F), and halts.
[[noreturn]] void Fail(const char* advice, const char* format, ...);

} // namespace boot
