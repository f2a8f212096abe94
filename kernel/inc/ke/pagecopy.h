// Whole pages, filled with zeros and copied in the widest steps that the processor has.
//
// Where the processor has SSE, a step is sixteen bytes and goes through a register that belongs to the running thread. It is borrowed: the
// caller stays at DISPATCH_LEVEL, so no switch of threads comes in between, and the thread finds it as it was.
// In the books: the processor manual; "object reuse". SCH-14, PFN-18
#pragma once

#include "ke/irql.h"
#include "nt/types.h"

extern "C" {
/// Fills a page with zeros. @param Page its first byte, mapped. @irql DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeZeroPage(PVOID Page) REQUIRES_(AtDispatchLevel);
/// Copies a page. @param Destination, Source the first bytes of two pages, mapped. @irql DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeCopyPage(PVOID Destination, const void* Source) REQUIRES_(AtDispatchLevel);
}
