// Structured exceptions, compiled as the kernel is: what must hold whatever the optimizer does.
// The cases are in seh/*.inc; seh_unoptimized.cpp compiles the same ones without optimization.
#include "guest_main.h"

#include "seh/faults.inc"

#include "seh/order.inc"

#include "seh/nested.inc"

#include "seh/hardware.inc"

#include "seh/guards.inc"

#include "seh/chain.inc"
