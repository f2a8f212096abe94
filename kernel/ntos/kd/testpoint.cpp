// KdTestPoint: the place where a host that tests this kernel puts its breakpoint.
//
// Empty on purpose. It must stay a real call with its argument on the stack, so it is neither inlined nor optimized.
// In the books: "kernel debugging". TOL-06
#include "kd.h"

extern "C" __attribute__((noinline, optnone)) void NTAPI KdTestPoint(KD_STAGE Stage) {}
