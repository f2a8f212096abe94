// The host's room in guest memory: parameters, stacks and buffers that the tests of this lab make.
//
// Invariant: nothing in the guest writes here but what the host asks for. IRQL: any.
#include "nt/types.h"

extern "C" alignas(PAGE_SIZE) NTEXPORT UCHAR LabScratch[64 * 1024] = {};
