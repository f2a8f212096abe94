// The process and the thread environment block: what the kernel and user mode know of a process and a thread together.
//
// The kernel makes both in the process's own memory, fills in what it knows, and believes nothing that it reads there later.
//
//     fs:[18h] -> TEB: exception chain, stack, IDs, last error, TLS slots
//     fs:[30h] -> PEB: image, loader, parameters, heap; one a process
//
// Invariants: each block is one page; offsets are the documented ones of NT 5.2. Fields between those that Mica uses are reserved, 0.
// In the books: "process environment block", "thread environment block". PRC-04, PRC-08
#pragma once

#include "ke/tib.h"
#include "nt/list.h"
#include "nt/types.h"
#include "rtl/ustring.h"

/// Which thread of which process.
struct CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
};
using PCLIENT_ID = CLIENT_ID*;

/// A buffer that begins with its length, and where it is.
struct CURDIR {
    UNICODE_STRING DosPath;
    HANDLE Handle;
};

/// What a process's creator tells it. Normalized: the strings hold addresses; otherwise offsets from the structure's start.
struct RTL_USER_PROCESS_PARAMETERS {
    ULONG MaximumLength; ///< bytes that are allocated
    ULONG Length;        ///< bytes that are used
    ULONG Flags;         ///< RTL_USER_PROC_*
    ULONG DebugFlags;
    HANDLE ConsoleHandle;
    ULONG ConsoleFlags;
    HANDLE StandardInput;
    HANDLE StandardOutput;
    HANDLE StandardError;
    CURDIR CurrentDirectory;
    UNICODE_STRING DllPath;
    UNICODE_STRING ImagePathName;
    UNICODE_STRING CommandLine;
    PVOID Environment; ///< strings NAME=value, each with its 0, and one 0 more
    ULONG StartingX;
    ULONG StartingY;
    ULONG CountX;
    ULONG CountY;
    ULONG CountCharsX;
    ULONG CountCharsY;
    ULONG FillAttribute;
    ULONG WindowFlags;
    ULONG ShowWindowFlags;
    UNICODE_STRING WindowTitle;
    UNICODE_STRING DesktopInfo;
    UNICODE_STRING ShellInfo;
    UNICODE_STRING RuntimeData;
};
constexpr ULONG RTL_USER_PROC_PARAMS_NORMALIZED = 0x01; ///< documented value

struct PEB_LDR_DATA; ///< ntdll's
struct RTL_CRITICAL_SECTION;

/// What all threads of a process share in user mode.
struct PEB {
    BOOLEAN InheritedAddressSpace;
    BOOLEAN ReadImageFileExecOptions;
    BOOLEAN BeingDebugged;
    BOOLEAN SpareBool;
    HANDLE Mutant; ///< -1
    PVOID ImageBaseAddress;
    PEB_LDR_DATA* Ldr; ///< nullptr until the loader has begun
    RTL_USER_PROCESS_PARAMETERS* ProcessParameters;
    PVOID SubSystemData;
    PVOID ProcessHeap;
    RTL_CRITICAL_SECTION* FastPebLock;
    PVOID FastPebLockRoutine;
    PVOID FastPebUnlockRoutine;
    ULONG EnvironmentUpdateCount;
    PVOID KernelCallbackTable;
    ULONG SystemReserved[1];
    PVOID AtlThunkSListPtr32;
    PVOID FreeList;
    ULONG TlsExpansionCounter;
    PVOID TlsBitmap;
    ULONG TlsBitmapBits[2];
    PVOID ReadOnlySharedMemoryBase;
    PVOID ReadOnlySharedMemoryHeap;
    PVOID* ReadOnlyStaticServerData;
    PVOID AnsiCodePageData;
    PVOID OemCodePageData;
    PVOID UnicodeCaseTableData;
    ULONG NumberOfProcessors;
    ULONG NtGlobalFlag;
    alignas(8) LARGE_INTEGER CriticalSectionTimeout;
    SIZE_T HeapSegmentReserve;
    SIZE_T HeapSegmentCommit;
    SIZE_T HeapDeCommitTotalFreeThreshold;
    SIZE_T HeapDeCommitFreeBlockThreshold;
    ULONG NumberOfHeaps;
    ULONG MaximumNumberOfHeaps;
    PVOID* ProcessHeaps;
    PVOID GdiSharedHandleTable;
    PVOID ProcessStarterHelper;
    ULONG GdiDCAttributeList;
    RTL_CRITICAL_SECTION* LoaderLock;
    ULONG OSMajorVersion;
    ULONG OSMinorVersion;
    USHORT OSBuildNumber;
    USHORT OSCSDVersion;
    ULONG OSPlatformId;
    ULONG ImageSubsystem;
    ULONG ImageSubsystemMajorVersion;
    ULONG ImageSubsystemMinorVersion;
    ULONG_PTR ImageProcessAffinityMask;
    ULONG GdiHandleBuffer[34];
    PVOID PostProcessInitRoutine;
    PVOID TlsExpansionBitmap;
    ULONG TlsExpansionBitmapBits[32];
    ULONG SessionId;
};
using PPEB = PEB*;
PUBLIC_OFFSET(PEB, ImageBaseAddress, 0x08);
PUBLIC_OFFSET(PEB, Ldr, 0x0C);
PUBLIC_OFFSET(PEB, ProcessParameters, 0x10);
PUBLIC_OFFSET(PEB, ProcessHeap, 0x18);
PUBLIC_OFFSET(PEB, TlsBitmap, 0x40);
PUBLIC_OFFSET(PEB, NumberOfProcessors, 0x64);
PUBLIC_OFFSET(PEB, CriticalSectionTimeout, 0x70);
PUBLIC_OFFSET(PEB, LoaderLock, 0xA0);
PUBLIC_OFFSET(PEB, OSMajorVersion, 0xA4);
PUBLIC_OFFSET(PEB, ImageSubsystem, 0xB4);
PUBLIC_OFFSET(PEB, TlsExpansionBitmap, 0x150);
PUBLIC_OFFSET(PEB, SessionId, 0x1D4);

constexpr ULONG TLS_MINIMUM_AVAILABLE = 64; ///< TLS slots in a TEB (documented value)

/// What a thread has for itself in user mode; fs leads to it.
struct TEB {
    NT_TIB NtTib;
    PVOID EnvironmentPointer;
    CLIENT_ID ClientId;
    PVOID ActiveRpcHandle;
    PVOID ThreadLocalStoragePointer;
    PEB* ProcessEnvironmentBlock;
    ULONG LastErrorValue;
    ULONG CountOfOwnedCriticalSections;
    PVOID CsrClientThread;
    PVOID Win32ThreadInfo;
    ULONG User32Reserved[26];
    ULONG UserReserved[5];
    PVOID WOW32Reserved;
    ULONG CurrentLocale;
    ULONG FpSoftwareStatusRegister;
    PVOID SystemReserved1[54];
    LONG ExceptionCode; ///< of KiRaiseUserExceptionDispatcher
    ULONG Reserved1[0x293];
    LONG LastStatusValue;
    UNICODE_STRING StaticUnicodeString;
    WCHAR StaticUnicodeBuffer[261];
    PVOID DeallocationStack; ///< lowest address that is reserved for the stack
    PVOID TlsSlots[TLS_MINIMUM_AVAILABLE];
    LIST_ENTRY TlsLinks;
    PVOID Vdm;
    PVOID ReservedForNtRpc;
    PVOID DbgSsReserved[2];
    ULONG HardErrorMode;
    PVOID Instrumentation[16];
    PVOID WinSockData;
    ULONG GdiBatchCount;
    BOOLEAN InDbgPrint;
    BOOLEAN FreeStackOnTermination;
    BOOLEAN HasFiberData;
    BOOLEAN IdealProcessor;
    ULONG GuaranteedStackBytes;
    PVOID ReservedForPerf;
    PVOID ReservedForOle;
    ULONG WaitingOnLoaderLock;
    ULONG Reserved2[3];
    PVOID* TlsExpansionSlots;
};
using PTEB = TEB*;
PUBLIC_OFFSET(TEB, ClientId, 0x20);
PUBLIC_OFFSET(TEB, ThreadLocalStoragePointer, 0x2C);
PUBLIC_OFFSET(TEB, ProcessEnvironmentBlock, 0x30);
PUBLIC_OFFSET(TEB, LastErrorValue, 0x34);
PUBLIC_OFFSET(TEB, ExceptionCode, 0x1A4);
PUBLIC_OFFSET(TEB, LastStatusValue, 0xBF4);
PUBLIC_OFFSET(TEB, StaticUnicodeString, 0xBF8);
PUBLIC_OFFSET(TEB, DeallocationStack, 0xE0C);
PUBLIC_OFFSET(TEB, TlsSlots, 0xE10);
PUBLIC_OFFSET(TEB, TlsExpansionSlots, 0xF94);
static_assert(sizeof(PVOID) == 8 || sizeof(TEB) <= 0x1000);

/// A new thread's stack, as NtCreateThread is told. It was allocated before, with a guard page below StackLimit.
struct INITIAL_TEB {
    PVOID PreviousStackBase;  ///< nullptr
    PVOID PreviousStackLimit; ///< nullptr
    PVOID StackBase;
    PVOID StackLimit;
    PVOID AllocatedStackBase; ///< lowest address
};
using PINITIAL_TEB = INITIAL_TEB*;
PUBLIC_SIZE(INITIAL_TEB, 20);
