// The thread information block: what a thread's code finds first behind fs, in the kernel and in user mode.
//
// In the books: "thread environment block". PRC-08, EXC-01
#pragma once

#include "nt/types.h"

struct EXCEPTION_REGISTRATION_RECORD;

/// Its exception handlers and the bounds of its stack.
/// shared: no, the kernel's belongs to its processor and is switched with the thread, a TEB's to its thread
struct NT_TIB {
    EXCEPTION_REGISTRATION_RECORD* ExceptionList;
    PVOID StackBase;  ///< behind the highest byte
    PVOID StackLimit; ///< lowest address that can be used
    PVOID SubSystemTib;
    PVOID FiberData;
    PVOID ArbitraryUserPointer;
    NT_TIB* Self;
};
PUBLIC_OFFSET(NT_TIB, Self, 0x18);
