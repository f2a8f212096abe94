// KdHostCall: where a call that the host makes returns to.
//
// A host that tests this kernel sets the stack and the instruction pointer to a routine, with this place as the return
// address and a breakpoint on it. No code calls it. It is the end of every backtrace of such a call: the frame
// description says that it has no caller. A processor that goes on from here stays here.
// In the books: "kernel debugging". TOL-06
    .cfi_sections .debug_frame
    .text
    .globl _KdHostCall
    .def _KdHostCall; .scl 2; .type 32; .endef
_KdHostCall:
    .cfi_startproc
    .cfi_undefined eip
    nop                 // a debugger takes the byte before a return address for the call: the host returns behind it
1:  jmp 1b
    .cfi_endproc
