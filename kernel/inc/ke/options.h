// Boot options, parsed once from the loader's option string.
//
// Written in phase 0 before anything else runs, read-only afterwards. IRQL: any.
// In the books: "boot options". BOO-04
#pragma once

#include "nt/types.h"

struct LOADER_PARAMETER_BLOCK;

/// The options that the kernel was started with.
/// shared: written in phase 0, read-only afterwards
struct KLOADER_OPTIONS {
    BOOLEAN Test;         ///< /TEST: a host stops the machine at KdTestPoint and drives it
    BOOLEAN Debug;        ///< /DEBUG: the monitor is entered at boot and after a bugcheck
    BOOLEAN Break;        ///< /BREAK: with /DEBUG, the monitor is entered as early as it can
    BOOLEAN ForcePic;     ///< /HAL=PIC: PIC and PIT even where there is an APIC
    ULONG Seed;           ///< /SEED=n, 0 without
    ULONG PoolFailure;    ///< /POOLFAIL=n: the n-th pool allocation fails (checked builds); 0 without
    BOOLEAN SpecialPool;  ///< /SPECIALPOOL[=tag]: blocks at the ends of pages
    ULONG SpecialPoolTag; ///< for this tag only; 0: for all
    ULONG ProcessorLimit; ///< /SMP=n: at most n processors; MAXIMUM_PROCESSORS without
    ULONG RingRecords;    ///< /RING=n: records of each processor's event ring; 0 without: as the amount of memory says
};

extern "C" {
NTKERNELAPI extern KLOADER_OPTIONS KeLoaderOptions;
/// The loader's block; stays reachable after boot.
NTKERNELAPI extern LOADER_PARAMETER_BLOCK* KeLoaderBlock;
}
