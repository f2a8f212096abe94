// memmap: what lies where in an address space, as far as it is used on this machine.
#include "kd/commands.h"
#include "mm/layout.h"

KD_COMMAND(memmap, "", "the address space: regions, from where to where") {
    constexpr ULONG_PTR kilobyte = 1024;
    ULONG count;
    const MM_REGION* const regions = MmQueryRegions(&count);
    session.Print("   first     last         KB\n");
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        const MM_REGION& region = regions[i];
        if (region.End < region.Start) continue; // nothing of it is used
        session.Print("%08x %08x %10u  %s\n", ULONG(region.Start), ULONG(region.End),
                      ULONG((region.End - region.Start) / kilobyte + 1), region.Name);
    }
    session.Print("%u pages of memory, %u KB; the last is page %x\n", MmNumberOfPhysicalPages,
                  MmNumberOfPhysicalPages * ULONG(PAGE_SIZE / kilobyte), ULONG(MmHighestPhysicalPage));
}
