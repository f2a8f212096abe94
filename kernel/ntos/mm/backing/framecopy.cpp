// Copies from and to page frames, through a mapping slot.
#include "mm/backing/framecopy.h"
#include "mm/slots.h"
#include "rtl/string.h"

void MiCopyFromFrame(PVOID to, PFN_NUMBER frame, ULONG bytes) {
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage page(frame);
    RtlCopyMemory(to, page.As<UCHAR>(), bytes);
}

void MiCopyToFrame(PFN_NUMBER frame, const void* from, ULONG bytes) {
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage page(frame);
    RtlCopyMemory(page.As<UCHAR>(), from, bytes);
}

void MiCopyFrame(PFN_NUMBER to, PFN_NUMBER from) {
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage target(to), source(from);
    RtlCopyMemory(target.As<UCHAR>(), source.As<UCHAR>(), PAGE_SIZE);
}
