// KdTestPoint: the place where a host that tests this kernel puts its breakpoint.
//
// Empty on purpose. It must stay a real call with its argument on the stack: the compiler may neither see into it nor
// decide that it has no effect.
// In the books: "kernel debugging". TOL-06
#include "kd.h"

extern "C" __attribute__((noinline, optnone)) void NTAPI KdTestPoint(ULONG Stage) {
    __asm__ __volatile__("" ::"g"(Stage) : "memory");
}
