// layout.h - where things lie in low memory while the loader runs (assembly, linker script and C++ share it).
// The figure is in README.md.
#pragma once

#define REAL_STACK_TOP 0x7c00 // the real-mode stack grows down from the MBR
#define LOADER_BASE 0x40000   // the loader runs here; below 64 KB boundaries of its own
#define LOADER_SEGMENT 0x4000 // LOADER_BASE / 16
#define LOADER_STACK_SIZE 16384
#define LOADER_LIMIT 0x60000  // image, bss and stack end below
#define BOUNCE_BUFFER 0x60000 // where int 13h reads to: 32 KB, no 64 KB boundary inside
#define BOUNCE_BUFFER_SIZE 0x8000
#define LOADER_LOAD_ADDRESS 0x100000 // where a multiboot loader puts the image; it copies itself down

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_HEADER_FLAGS 0x3 // modules on page boundaries; memory information
#define MULTIBOOT_ENTRY_MAGIC 0x2badb002
