// Bugcheck: the controlled stop after a fatal error in kernel mode.
//
// Prints code, parameters, registers and a backtrace on the screen and on COM1, enters the debugger if one is there,
// and stops. Numbers are the documented ones; MICA_* are ours.
// In the books: "crash dump analysis: bugchecks". TRP-09
#pragma once

#include "nt/types.h"

constexpr ULONG APC_INDEX_MISMATCH = 0x01; ///< parameters: service, whether it is attached, its regions
constexpr ULONG INVALID_PROCESS_ATTACH_ATTEMPT = 0x05;
constexpr ULONG INVALID_PROCESS_DETACH_ATTEMPT = 0x06;
constexpr ULONG IRQL_NOT_GREATER_OR_EQUAL = 0x09;
constexpr ULONG IRQL_NOT_LESS_OR_EQUAL = 0x0A;
constexpr ULONG MAXIMUM_WAIT_OBJECTS_EXCEEDED = 0x0C;
constexpr ULONG SPIN_LOCK_ALREADY_OWNED = 0x0F;
constexpr ULONG SPIN_LOCK_NOT_OWNED = 0x10;
constexpr ULONG TRAP_CAUSE_UNKNOWN = 0x12;
constexpr ULONG BAD_POOL_HEADER = 0x19;
constexpr ULONG MEMORY_MANAGEMENT =
    0x1A; ///< parameters: page number, its entry; 0x1010 or 0x1234, a section of an image
constexpr ULONG KMODE_EXCEPTION_NOT_HANDLED = 0x1E;
constexpr ULONG KERNEL_APC_PENDING_DURING_EXIT = 0x20; ///< parameters: APC or 0, APC disable counts, IRQL
constexpr ULONG NO_MORE_SYSTEM_PTES = 0x3F;
constexpr ULONG PHASE0_INITIALIZATION_FAILED = 0x31;
constexpr ULONG PHASE1_INITIALIZATION_FAILED = 0x32;
constexpr ULONG MUST_SUCCEED_POOL_EMPTY = 0x41;        ///< parameter: the bytes that were asked for
constexpr ULONG IRQL_GT_ZERO_AT_SYSTEM_SERVICE = 0x4A; ///< parameters: service, IRQL
constexpr ULONG NO_PAGES_AVAILABLE =
    0x4D; ///< parameters: modified pages, free pages of page files, available pages, pages being written
constexpr ULONG PAGE_FAULT_IN_NONPAGED_AREA = 0x50;
constexpr ULONG HAL_INITIALIZATION_FAILED = 0x5C;
constexpr ULONG KERNEL_STACK_INPAGE_ERROR = 0x77;
constexpr ULONG KERNEL_DATA_INPAGE_ERROR = 0x7A; ///< parameters: address of the PTE, status, PTE, address
constexpr ULONG UNEXPECTED_KERNEL_MODE_TRAP = 0x7F;
constexpr ULONG NMI_HARDWARE_FAILURE = 0x80;
constexpr ULONG KERNEL_MODE_EXCEPTION_NOT_HANDLED = 0x8E;
constexpr ULONG MACHINE_CHECK_EXCEPTION = 0x9C;
constexpr ULONG ATTEMPTED_SWITCH_FROM_DPC = 0xB8;
constexpr ULONG ATTEMPTED_WRITE_TO_READONLY_MEMORY = 0xBE;      ///< parameters: address, instruction
constexpr ULONG SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION = 0xC1; ///< parameters: block, what was written, 0, where
constexpr ULONG BAD_POOL_CALLER = 0xC2;
constexpr ULONG SYSTEM_PTE_MISUSE = 0xDA; ///< parameters: 1 not of the region, 2 free already; first entry, entries
constexpr ULONG DRIVER_VERIFIER_DETECTED_VIOLATION = 0xC4; ///< parameter 1 0x1001: a deadlock; lock, thread, threads
constexpr ULONG VERIFIER_DEADLOCK_DETECTED = 0x1001;
constexpr ULONG TIMER_OR_DPC_INVALID = 0xC7;                ///< parameters: 0 (a timer that runs is made anew), timer
constexpr ULONG PAGE_FAULT_IN_FREED_SPECIAL_POOL = 0xCC;    ///< parameters: address, 0 read or 1 write, instruction
constexpr ULONG PAGE_FAULT_BEYOND_END_OF_ALLOCATION = 0xCD; ///< as above
constexpr ULONG WORKER_THREAD_RETURNED_AT_BAD_IRQL = 0xE1;  ///< parameters: routine, IRQL, its parameter, item
constexpr ULONG MANUALLY_INITIATED_CRASH = 0xE2;
constexpr ULONG CRITICAL_PROCESS_DIED = 0xEF;             ///< the process, 0, its exit status, 0
constexpr ULONG WORKER_INVALID = 0xE4;                    ///< parameters: 1 (queued twice), item, routine
constexpr ULONG THREAD_TERMINATE_HELD_MUTEX = 0x4000008A; ///< parameters: thread, lock, kind of lock, its acquirer
constexpr ULONG RESOURCE_NOT_OWNED = 0xE3;                ///< parameters: resource, thread, owner table
constexpr ULONG DPC_WATCHDOG_VIOLATION = 0x133; ///< parameter 1: 0 one DPC, 1 a stretch at DISPATCH_LEVEL; ticks; limit
constexpr ULONG MICA_LAB_NOT_IMPLEMENTED = 0x4C414230; ///< parameters: exercise ("1.1"), file, line
constexpr ULONG MICA_ASSERTION_FAILED = 0x4D415354;    ///< parameters: expression, file, line
constexpr ULONG MICA_THREAD_RETURNED = 0x4D545254;     ///< a thread's first frame was returned to

extern "C" {
/// Stops the system. @irql any
[[noreturn]] NTKERNELAPI void NTAPI KeBugCheck(ULONG BugCheckCode);
[[noreturn]] NTKERNELAPI void NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                                                 ULONG_PTR Parameter3, ULONG_PTR Parameter4);
/// Code and parameters of the bugcheck in progress.
NTKERNELAPI extern ULONG_PTR KiBugCheckData[5];
/// Where a bugcheck ends, after everything was shown: a place for a debugger's breakpoint.
[[noreturn]] NTKERNELAPI void NTAPI KiBugCheckStop();
}

/// What a laboratory's unwritten exercise does: names itself and stops.
#define LAB_NOT_IMPLEMENTED(exercise)                                             \
    KeBugCheckEx(MICA_LAB_NOT_IMPLEMENTED, reinterpret_cast<ULONG_PTR>(exercise), \
                 reinterpret_cast<ULONG_PTR>(__FILE__), __LINE__, 0)
