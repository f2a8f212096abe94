// Offsets of C++ structures for the assembly of this folder; switchsup.cpp asserts each of them. Nothing but macros.
#pragma once

#include "i386/trapframe.h"

#define PCR_STACK_BASE 0x04
#define PCR_STACK_LIMIT 0x08
#define PCR_PRCB 0x20
#define PCR_TSS 0x40

#define PRCB_CURRENT_THREAD 0x00
#define PRCB_CONTEXT_SWITCHES 0x164

#define TSS_ESP0 0x04

#define THREAD_INITIAL_STACK 0x10
#define THREAD_STACK_LIMIT 0x14
#define THREAD_KERNEL_STACK 0x18
#define THREAD_PROCESS 0x38 // ApcState.Process
#define THREAD_SWAP_BUSY 0x41
#define THREAD_CONTEXT_SWITCHES 0x58

#define PROCESS_DIRECTORY_TABLE 0x18

#define DPC_STACK_BYTES 0x3000
#define APC_LEVEL_NUMBER 1
#define MICA_THREAD_RETURNED_CODE 0x4D545254
#define MICA_LAB_NOT_IMPLEMENTED_CODE 0x4C414230

#ifdef __ASSEMBLER__
// LAB_NOT_IMPLEMENTED for assembly: KeBugCheckEx(code, exercise, file, line, 0).
#define LAB_NOT_IMPLEMENTED(exercise)     \
    pushl $0;                             \
    pushl $__LINE__;                      \
    pushl $9f;                            \
    pushl $8f;                            \
    pushl $MICA_LAB_NOT_IMPLEMENTED_CODE; \
    call "_KeBugCheckEx@20";              \
    8 :.asciz exercise;                   \
    9 :.asciz __FILE__
#endif
