// Structured exceptions without optimization: the other end of what compilers make of the same cases.
// build: -O0
// See seh_optimized.cpp.
#include "guest_main.h"

#include "seh/faults.inc"

#include "seh/order.inc"

#include "seh/nested.inc"

#include "seh/hardware.inc"

#include "seh/guards.inc"

#include "seh/chain.inc"
