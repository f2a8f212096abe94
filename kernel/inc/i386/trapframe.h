// Offsets of KTRAP_FRAME for assembly and for the assertions in trap.h. Nothing but macros: .S files include this.
#pragma once

#define TF_DBG_EBP 0x00
#define TF_DBG_EIP 0x04
#define TF_DBG_ARG_MARK 0x08
#define TF_TEMP_SEG_CS 0x10
#define TF_TEMP_ESP 0x14
#define TF_SEG_GS 0x30
#define TF_EDX 0x3C
#define TF_EAX 0x44
#define TF_PREVIOUS_MODE 0x48
#define TF_EXCEPTION_LIST 0x4C
#define TF_SEG_FS 0x50
#define TF_EDI 0x54
#define TF_EBP 0x60
#define TF_ERR_CODE 0x64
#define TF_EIP 0x68
#define TF_SEG_CS 0x6C
#define TF_EFLAGS 0x70
#define TF_HARDWARE_ESP 0x74
#define TF_HARDWARE_SEG_SS 0x78
#define TF_LENGTH 0x8C

/// What DbgArgMark holds: a debugger recognises a trap frame by it.
#define TF_ARG_MARK 0xBADB0D00

#define PCR_EXCEPTION_LIST 0x00
#define PCR_SELF 0x1C
#define PCR_IRQL 0x24
#define PCR_IRR 0x28

#define KGDT_NULL 0x00
#define KGDT_R0_CODE 0x08
#define KGDT_R0_DATA 0x10
#define KGDT_R3_CODE 0x18
#define KGDT_R3_DATA 0x20
#define KGDT_TSS 0x28
#define KGDT_R0_PCR 0x30
#define KGDT_R3_TEB 0x38
#define KGDT_LDT 0x48
#define KGDT_DF_TSS 0x50
#define KGDT_NMI_TSS 0x58
#define KGDT_LENGTH 0x60
#define RPL_MASK 3
