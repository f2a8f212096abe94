// Copies from and to page frames, through the map of physical memory.
#include "mm/backing/framecopy.h"
#include "mm/mi.h"
#include "rtl/string.h"

void MiCopyFromFrame(PVOID to, PFN_NUMBER frame, ULONG bytes) {
    RtlCopyMemory(to, MiDirectMap(frame * PAGE_SIZE), bytes);
}

void MiCopyToFrame(PFN_NUMBER frame, const void* from, ULONG bytes) {
    RtlCopyMemory(MiDirectMap(frame * PAGE_SIZE), from, bytes);
}
