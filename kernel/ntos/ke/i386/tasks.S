// Entry points behind task gates: a double fault and an NMI arrive on a stack and in a task of their own.
//
// The processor has saved the interrupted registers in the ordinary TSS. Both routines never return.
// TRP-09

    .text
    .globl _KiDoubleFaultEntry
_KiDoubleFaultEntry:
    pushl $8
    call _KiTaskGateTrap@4
    ud2

    .globl _KiNmiEntry
_KiNmiEntry:
    pushl $2
    call _KiTaskGateTrap@4
    ud2
