// What the processor reads by itself: segment and gate descriptors (GDT, IDT) and task state segments.
//
// Layouts are the processor's; names are the debugger's.
// In the books: "trap dispatching: the interrupt dispatch table". TRP-01, TRP-07
#pragma once

#include "i386/trapframe.h"
#include "nt/types.h"

/// One descriptor of the GDT: a segment, or the place of a TSS.
struct KGDTENTRY {
    USHORT LimitLow;
    USHORT BaseLow;
    UCHAR BaseMid;
    UCHAR Flags1; ///< type 0..4, DPL 5..6, present 7
    UCHAR Flags2; ///< limit 16..19 in 0..3, default size 6, granularity 7
    UCHAR BaseHi;
};
static_assert(sizeof(KGDTENTRY) == 8);

/// One gate of the IDT: where a vector leads.
struct KIDTENTRY {
    USHORT Offset;
    USHORT Selector;
    USHORT Access; ///< type in 8..12, DPL 13..14, present 15
    USHORT ExtendedOffset;
};
static_assert(sizeof(KIDTENTRY) == 8);

constexpr ULONG MAXIMUM_IDTVECTOR = 0xFF;

/// KGDTENTRY::Flags1: present, and what the descriptor is.
constexpr UCHAR DESCRIPTOR_CODE = 0x9A;   ///< code, readable
constexpr UCHAR DESCRIPTOR_DATA = 0x92;   ///< data, writable
constexpr UCHAR DESCRIPTOR_TSS = 0x89;    ///< 32-bit task state segment, available
constexpr UCHAR DESCRIPTOR_DPL3 = 0x60;   ///< ring 3 may use it
constexpr UCHAR DESCRIPTOR_32BIT = 0x40;  ///< Flags2: 32-bit
constexpr UCHAR DESCRIPTOR_PAGES = 0x80;  ///< Flags2: the limit counts 4 KB pages
constexpr USHORT GATE_INTERRUPT = 0x8E00; ///< clears the interrupt flag on entry
constexpr USHORT GATE_TASK = 0x8500;      ///< switches to another task state segment
constexpr USHORT GATE_DPL3 = 0x6000;      ///< ring 3 may call it with `int n`

/// The 32-bit task state segment. Of the ordinary one the kernel uses Esp0 and Ss0 only; of those behind a task gate
/// everything.
struct KTSS {
    USHORT Backlink, Reserved0;
    ULONG Esp0;
    USHORT Ss0, Reserved1;
    ULONG NotUsed1[4];
    ULONG CR3;
    ULONG Eip, EFlags;
    ULONG Eax, Ecx, Edx, Ebx, Esp, Ebp, Esi, Edi;
    USHORT Es, Reserved2, Cs, Reserved3, Ss, Reserved4, Ds, Reserved5, Fs, Reserved6, Gs, Reserved7;
    USHORT LDT, Reserved8;
    USHORT Flags;
    USHORT IoMapBase; ///< beyond the segment: no port may be used from ring 3
};
static_assert(sizeof(KTSS) == 0x68 && offsetof(KTSS, CR3) == 0x1C && offsetof(KTSS, IoMapBase) == 0x66);

/// The operand of lgdt and lidt.
struct __attribute__((packed)) KDESCRIPTOR {
    USHORT Limit;
    ULONG_PTR Base;
};
