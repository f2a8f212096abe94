// Offsets of C++ structures for the assembly of this folder; switchsup.cpp asserts each of them. Nothing but macros.
#pragma once

#include "i386/trapframe.h"

#define PCR_STACK_BASE 0x04
#define PCR_STACK_LIMIT 0x08
#define PCR_PRCB 0x20
#define PCR_TSS 0x40
#define PCR_CURRENT_THREAD 0x108 // PrcbData.CurrentThread

#define PRCB_CURRENT_THREAD 0x00
#define PRCB_CONTEXT_SWITCHES 0x164

#define TSS_ESP0 0x04

#define THREAD_INITIAL_STACK 0x10
#define THREAD_STACK_LIMIT 0x14
#define THREAD_KERNEL_STACK 0x18
#define THREAD_PROCESS 0x38 // ApcState.Process
#define THREAD_TRAP_FRAME 0x20
#define THREAD_USER_APC_PENDING 0x3E // ApcState.UserApcPending
#define THREAD_SWAP_BUSY 0x41
#define THREAD_CONTEXT_SWITCHES 0x58

#define THREAD_COMBINED_APC_DISABLE 0x14C
#define THREAD_APC_STATE_INDEX 0x151
#define THREAD_PREVIOUS_MODE 0x1A4

#define PROCESS_DIRECTORY_TABLE 0x18

// A number of a system service, and KSERVICE_TABLE_DESCRIPTOR. The shift leads from bits 12-13 to an offset of descriptors.
#define SERVICE_NUMBER_MASK 0xFFF
#define SERVICE_TABLE_SHIFT 8
#define SERVICE_TABLE_MASK 0x30
#define SERVICE_BASE 0x0
#define SERVICE_LIMIT 0x8
#define SERVICE_NUMBERS 0xC

#define EFLAGS_ALWAYS_ONE_BIT 0x002
#define EFLAGS_TRAP_BIT 0x100
#define EFLAGS_INTERRUPT_BIT 0x200
#define USER_MODE 1
#define USER_PROBE_ADDRESS 0x7FFF0000
#define STATUS_ACCESS_VIOLATION_CODE 0xC0000005
#define STATUS_INVALID_SYSTEM_SERVICE_CODE 0xC000001C

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
