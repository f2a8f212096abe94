// Code that may leave memory: in a section whose name begins with PAGE.
//
// Such a routine runs below DISPATCH_LEVEL only and holds no spin lock, for its next instruction may have to be read from a page file;
// and it is called by nothing that makes pages available. It says so with PAGED_CODE at its beginning. A file puts it into the section by
//
//     #pragma code_seg("PAGE")      routines that follow are pageable
//     #pragma code_seg()            and those are not
//
// In the books: "making drivers pageable". PFN-12
#pragma once

#include "ke/irql.h"
#include "nt/assert.h"

/// Checked builds: stops where the IRQL is too high for pageable code.
#define PAGED_CODE() NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL)
