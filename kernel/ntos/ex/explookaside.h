// Private to ex: the scan that adjusts the depth of look-aside lists.
// In the books: "look-aside lists", "balance set manager". ARC-08, SYS-14
#pragma once

#include "nt/types.h"

/// Looks at each look-aside list once: a duty of the one-second thread. @irql <= DISPATCH_LEVEL
extern "C" void NTAPI ExpAdjustLookasideDepth(PVOID Context);
