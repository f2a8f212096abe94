// The kernel debugger: output, the monitor on the serial line, and the data block that describes the kernel to tools.
//
// In the books: "kernel debugging". TOL-06, TOL-07
#pragma once

#include "ke/processor.h"
#include "nt/types.h"
#include "rtl/exception.h"

struct LOADER_PARAMETER_BLOCK;

/// One field that tools may want to read: "KTHREAD.State". A "sizeof KTHREAD" entry has Offset 0; that of a value,
/// "enum KTHREAD_STATE.Ready", has the value there and the size of the enumeration.
struct KD_FIELD {
    PCSTR Name;
    USHORT Offset;
    USHORT Size;
};
/// Types of a table of fields. Of a variable `XxxTypes` in a file `fields.cpp` the build makes the table `Xxx`; a row without
/// a name ends it.
template <class... TYPES> struct FIELD_TABLE_OF {};

/// Where a tool finds everything, without symbols: exported, tagged, with the addresses of lists and tables.
struct KDDEBUGGER_DATA {
    ULONG OwnerTag; ///< 'MICA' little-endian
    ULONG Size;
    ULONG Version;
    const KD_FIELD* Fields; ///< a row without a name ends them
    PVOID PsActiveProcessHead;
    PVOID PsLoadedModuleList;
    PVOID KiProcessorBlock;
    PVOID KiTimerTableListHead;
    PVOID EtwRing;
    PVOID KiDispatcherLock;
    PVOID KiBugCheckData;
    PVOID KeNumberProcessors;
    PVOID KeTickCount;
    PVOID EtwSequence;
    PVOID ExpSystemResourcesList;
    // Where the regions of system space begin and end (mm/layout.h)
    PVOID MmHighestUserAddress;
    PVOID MmSystemRangeStart;
    PVOID MmUserProbeAddress;
    PVOID MmNonPagedPoolStart;
    PVOID MmNonPagedPoolExpansionStart;
    PVOID MmNonPagedPoolEnd;
    PVOID MmPagedPoolStart;
    PVOID MmPagedPoolEnd;
    PVOID MmSystemPteStart;
    PVOID MmSystemPteEnd;
    PVOID MmNumberOfPhysicalPages;
    PVOID MmHighestPhysicalPage;
    // The page frame number database (mm/pfn.h)
    PVOID MmPfnDatabase; ///< address of the pointer to it
    PVOID MmPageLocationList;
    PVOID MmAvailablePages;
    PVOID MmRegions;      ///< MM_REGION[MM_REGIONS] (mm/layout.h)
    PVOID PoolTrackTable; ///< POOL_TRACKER_TABLE[POOL_TRACK_ROWS] (ex/pool.h)
    PVOID ExpInjection;   ///< EX_INJECTION (ex/inject.h)
};
/// How far the boot has come, for a host that tests the kernel. The host names them in grader/model.py (Stage).
enum class KD_STAGE : ULONG {
    Early = 0, ///< on the boot stack, before the first thread
    Ready = 1, ///< in a thread, behind all of the boot; for ever again
    Alone = 2, ///< in the phase-1 thread, before the other processors start
};
/// Looks at an exception. @param TrapFrame nullptr for one raised by software. @returns whether it was handled: execution
/// goes on with `Context`. @irql of the code that caused the exception
using KDEBUG_ROUTINE = BOOLEAN NTAPI(KTRAP_FRAME* TrapFrame, EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context,
                                     BOOLEAN SecondChance);
using PKDEBUG_ROUTINE = KDEBUG_ROUTINE*;

constexpr ULONG DPFLTR_ERROR_LEVEL = 0;
constexpr ULONG DPFLTR_WARNING_LEVEL = 1;
constexpr ULONG DPFLTR_TRACE_LEVEL = 2;
constexpr ULONG DPFLTR_INFO_LEVEL = 3;

constexpr ULONG KD_OWNER_TAG = 0x4143494D; // "MICA"

extern "C" {
NTKERNELAPI extern const KDDEBUGGER_DATA KdDebuggerDataBlock;

NTKERNELAPI void NTAPI KdInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock);
/// Prints on COM1 and the screen. At most 512 characters at a time. @irql any
NTKERNELAPI ULONG CDECL DbgPrint(PCSTR Format, ...) __attribute__((format(printf, 1, 2)));
/// Prints text as it is, however long; other processors' text waits meanwhile. @irql any
void NTAPI KdPrintText(PCSTR Text);
/// Prints if the component's filter lets the level pass: at first errors only. @param Level 0..31 (DPFLTR_XXX_LEVEL), or a
/// mask of such bits. @returns as DbgPrint; 0 if it did not pass. @irql any
NTKERNELAPI ULONG CDECL DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
    __attribute__((format(printf, 3, 4)));
NTKERNELAPI ULONG NTAPI vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments);
/// @returns a status of value 1 if such messages are printed, else 0; STATUS_INVALID_PARAMETER: an unknown component
NTKERNELAPI NTSTATUS NTAPI DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level);
/// Lets messages of this level pass, or holds them back (but not errors). @returns STATUS_INVALID_PARAMETER as above
NTKERNELAPI NTSTATUS NTAPI DbgSetDebugFilterState(ULONG ComponentId, ULONG Level, BOOLEAN State);
/// Prints a stack trace, an address a line as `  #n image+0xoffset`, from `Frame` up. @irql any
NTKERNELAPI void NTAPI KdPrintBacktrace(ULONG_PTR Eip, ULONG_PTR Frame);
/// Names a circle of threads that wait for each other: threads, locks, where each waits and where it got what the one
/// before it waits for. @irql DISPATCH_LEVEL. TOL-06
void NTAPI KdPrintDeadlock(const KLOCK_WAIT* Waits, ULONG Count);
/// The debugger's routine: it sees every kernel-mode exception before the frame handlers (first chance), and again if
/// none of them handled it (second chance). Without /DEBUG a routine that passes everything on. A test may put its own here. EXC-02
NTKERNELAPI extern PKDEBUG_ROUTINE KiDebugRoutine;
/// The monitor's prompt; returns on `go`. @param Context of the stopped code: the others are frozen meanwhile;
/// nullptr: the kernel runs on. @irql any; PASSIVE_LEVEL without a context
NTKERNELAPI void NTAPI KdEnterMonitor(CONTEXT* Context);
/// Runs one line of the monitor and keeps what it prints. @param Output receives the text, terminated, cut to fit.
/// @returns its length. @irql PASSIVE_LEVEL
NTKERNELAPI ULONG NTAPI KdExecuteCommand(PCSTR Line, PSTR Output, ULONG Size);
/// A breakpoint in code: the debugger that is there gets control. @irql any
NTKERNELAPI void NTAPI DbgBreakPoint();
/// A place where a host that tests the kernel stops the machine. @param Stage how far the boot has come
NTKERNELAPI void NTAPI KdTestPoint(KD_STAGE Stage);
}
