// The ways into the kernel: a stub for each system service, and the three pieces of code behind KUSER_SHARED_DATA::SystemCall.
//
// A stub puts the service's number into eax and calls through 7FFE0300h, where the kernel has noted one of the first two routines: that
// depends on the processor. Both hand over edx, the address of two return addresses; the arguments lie above.
//
//     edx -> return into the stub, return into the caller, argument 1, argument 2 ...
//
// In the books: "system service dispatching". TRP-04

    .text
    .set GLOBAL_STUBS, 1
#include "stubs.inc"

    .globl _KiFastSystemCall
_KiFastSystemCall:
    movl %esp, %edx
    sysenter
    .globl _KiFastSystemCallRet             // sysexit comes back here
_KiFastSystemCallRet:
    ret

    .globl _KiIntSystemCall
_KiIntSystemCall:
    leal 8(%esp), %edx                      // the gate hands over the address of the arguments
    int $0x2E
    ret
