// What programs may use of kernel32.dll, under the names and with the types of its documentation. Thin over ntdll.h.
//
// A routine that fails notes why: GetLastError tells it (ERROR_*, made of the status by RtlNtStatusToDosError).
// In the books: "Windows subsystem DLLs". SYS-01
#pragma once

#include "ntdll.h"

using BOOL = int;
using DWORD = ULONG;
using UINT = ULONG;
using LPVOID = PVOID;
using HMODULE = PVOID;
using FARPROC = PVOID;
using LPSECURITY_ATTRIBUTES = PVOID; ///< not looked at but for bInheritHandle
using THREAD_START_ROUTINE = DWORD NTAPI(LPVOID Parameter);
using LPTHREAD_START_ROUTINE = THREAD_START_ROUTINE*;
/// @returns whether the event was handled
using HANDLER_ROUTINE = BOOL NTAPI(DWORD CtrlType);
using PHANDLER_ROUTINE = HANDLER_ROUTINE*;

constexpr DWORD CTRL_C_EVENT = 0;
constexpr DWORD INFINITE = 0xFFFFFFFF;
constexpr DWORD WAIT_OBJECT_0 = 0;
constexpr DWORD WAIT_TIMEOUT = 0x102;
constexpr DWORD WAIT_FAILED = 0xFFFFFFFF;
constexpr DWORD TLS_OUT_OF_INDEXES = 0xFFFFFFFF;
constexpr DWORD HANDLE_FLAG_INHERIT = 1, HANDLE_FLAG_PROTECT_FROM_CLOSE = 2;
constexpr DWORD CREATE_SUSPENDED = 4;
constexpr DWORD STACK_SIZE_PARAM_IS_A_RESERVATION = 0x10000;
constexpr DWORD STILL_ACTIVE = 259;
constexpr UINT CP_ACP = 0, CP_OEMCP = 1, CP_UTF8 = 65001;
constexpr DWORD ERROR_SUCCESS = 0, ERROR_FILE_NOT_FOUND = 2, ERROR_PATH_NOT_FOUND = 3, ERROR_ACCESS_DENIED = 5,
                ERROR_INVALID_HANDLE = 6, ERROR_NOT_ENOUGH_MEMORY = 8, ERROR_INVALID_PARAMETER = 87,
                ERROR_INSUFFICIENT_BUFFER = 122, ERROR_NEGATIVE_SEEK = 131, ERROR_MOD_NOT_FOUND = 126,
                ERROR_PROC_NOT_FOUND = 127, ERROR_ALREADY_EXISTS = 183, ERROR_NO_UNICODE_TRANSLATION = 1113,
                ERROR_MR_MID_NOT_FOUND = 317, ERROR_TIMEOUT = 1460;

// Files (documented values).
inline HANDLE const INVALID_HANDLE_VALUE = reinterpret_cast<HANDLE>(~ULONG_PTR(0));
constexpr DWORD INVALID_FILE_SIZE = 0xFFFFFFFF;
constexpr DWORD CREATE_NEW = 1, CREATE_ALWAYS = 2, OPEN_EXISTING = 3, OPEN_ALWAYS = 4, TRUNCATE_EXISTING = 5;
constexpr DWORD FILE_FLAG_OVERLAPPED = 0x40000000;
constexpr DWORD FILE_BEGIN = 0, FILE_CURRENT = 1, FILE_END = 2, INVALID_SET_FILE_POINTER = 0xFFFFFFFF;
constexpr DWORD FILE_TYPE_UNKNOWN = 0, FILE_TYPE_DISK = 1, FILE_TYPE_CHAR = 2;
constexpr DWORD STD_INPUT_HANDLE = DWORD(-10), STD_OUTPUT_HANDLE = DWORD(-11), STD_ERROR_HANDLE = DWORD(-12);

/// Where a transfer begins, and how it ended (documented layout). Mica's transfers end before the call returns.
struct OVERLAPPED {
    ULONG_PTR Internal;
    ULONG_PTR InternalHigh;
    DWORD Offset;
    DWORD OffsetHigh;
    HANDLE hEvent;
};
/// 100 ns since 1 January 1601.
struct FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
};
/// A date and time (documented layout).
struct SYSTEMTIME {
    USHORT wYear, wMonth, wDayOfWeek, wDay, wHour, wMinute, wSecond, wMilliseconds;
};

/// What GetSystemInfo tells (documented layout).
struct SYSTEM_INFO {
    DWORD dwOemId; ///< 0: x86
    DWORD dwPageSize;
    LPVOID lpMinimumApplicationAddress;
    LPVOID lpMaximumApplicationAddress;
    ULONG_PTR dwActiveProcessorMask;
    DWORD dwNumberOfProcessors;
    DWORD dwProcessorType;
    DWORD dwAllocationGranularity;
    USHORT wProcessorLevel;
    USHORT wProcessorRevision;
};
PUBLIC_SIZE(SYSTEM_INFO, 36);

/// What GetStartupInfoA tells (documented layout).
struct STARTUPINFOA {
    DWORD cb;
    PSTR lpReserved;
    PSTR lpDesktop;
    PSTR lpTitle;
    DWORD dwX, dwY, dwXSize, dwYSize, dwXCountChars, dwYCountChars, dwFillAttribute, dwFlags;
    USHORT wShowWindow;
    USHORT cbReserved2;
    UCHAR* lpReserved2;
    HANDLE hStdInput, hStdOutput, hStdError;
};
PUBLIC_SIZE(STARTUPINFOA, 68);

/// The same with wide texts.
struct STARTUPINFOW {
    DWORD cb;
    PWSTR lpReserved;
    PWSTR lpDesktop;
    PWSTR lpTitle;
    DWORD dwX, dwY, dwXSize, dwYSize, dwXCountChars, dwYCountChars, dwFillAttribute, dwFlags;
    USHORT wShowWindow;
    USHORT cbReserved2;
    UCHAR* lpReserved2;
    HANDLE hStdInput, hStdOutput, hStdError;
};
PUBLIC_SIZE(STARTUPINFOW, 68);
constexpr DWORD STARTF_USESTDHANDLES = 0x100;
constexpr DWORD CREATE_UNICODE_ENVIRONMENT = 0x400;

/// What CreateProcess tells.
struct PROCESS_INFORMATION {
    HANDLE hProcess;
    HANDLE hThread;
    DWORD dwProcessId;
    DWORD dwThreadId;
};

#if defined(MICA_KERNEL32)
#define WINBASEAPI
#else
#define WINBASEAPI NTIMPORT
#endif

extern "C" {
// errors.cpp
WINBASEAPI DWORD NTAPI GetLastError();
WINBASEAPI void NTAPI SetLastError(DWORD Error);
WINBASEAPI BOOL NTAPI CloseHandle(HANDLE Object);
// process.cpp
[[noreturn]] WINBASEAPI void NTAPI ExitProcess(UINT ExitCode);
WINBASEAPI HANDLE NTAPI GetCurrentProcess();
WINBASEAPI DWORD NTAPI GetCurrentProcessId();
WINBASEAPI BOOL NTAPI TerminateProcess(HANDLE Process, UINT ExitCode);
WINBASEAPI PSTR NTAPI GetCommandLineA();
WINBASEAPI PWSTR NTAPI GetCommandLineW();
WINBASEAPI void NTAPI GetStartupInfoA(STARTUPINFOA* StartupInfo);
// createprocess.cpp
WINBASEAPI BOOL NTAPI CreateProcessA(PCSTR ApplicationName, PSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessAttributes,
                                     LPSECURITY_ATTRIBUTES ThreadAttributes, BOOL InheritHandles, DWORD CreationFlags,
                                     LPVOID Environment, PCSTR CurrentDirectory, STARTUPINFOA* StartupInfo,
                                     PROCESS_INFORMATION* ProcessInformation);
WINBASEAPI BOOL NTAPI CreateProcessW(PCWSTR ApplicationName, PWSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessAttributes,
                                     LPSECURITY_ATTRIBUTES ThreadAttributes, BOOL InheritHandles, DWORD CreationFlags,
                                     LPVOID Environment, PCWSTR CurrentDirectory, STARTUPINFOW* StartupInfo,
                                     PROCESS_INFORMATION* ProcessInformation);
WINBASEAPI BOOL NTAPI GetExitCodeProcess(HANDLE Process, DWORD* ExitCode);
WINBASEAPI BOOL NTAPI GetExitCodeThread(HANDLE Thread, DWORD* ExitCode);
WINBASEAPI DWORD NTAPI SuspendThread(HANDLE Thread);
WINBASEAPI DWORD NTAPI ResumeThread(HANDLE Thread);
WINBASEAPI BOOL NTAPI SetEnvironmentVariableW(PCWSTR Name, PCWSTR Value);
WINBASEAPI DWORD NTAPI GetEnvironmentVariableW(PCWSTR Name, PWSTR Buffer, DWORD Size);
// thread.cpp
WINBASEAPI HANDLE NTAPI CreateThread(LPSECURITY_ATTRIBUTES ThreadAttributes, SIZE_T StackSize,
                                     LPTHREAD_START_ROUTINE StartAddress, LPVOID Parameter, DWORD CreationFlags,
                                     DWORD* ThreadId);
[[noreturn]] WINBASEAPI void NTAPI ExitThread(DWORD ExitCode);
WINBASEAPI HANDLE NTAPI GetCurrentThread();
WINBASEAPI DWORD NTAPI GetCurrentThreadId();
WINBASEAPI void NTAPI Sleep(DWORD Milliseconds);
WINBASEAPI DWORD NTAPI SleepEx(DWORD Milliseconds, BOOL Alertable);
WINBASEAPI BOOL NTAPI SwitchToThread();
WINBASEAPI ULONG_PTR NTAPI SetThreadAffinityMask(HANDLE Thread, ULONG_PTR AffinityMask);
// tls.cpp
WINBASEAPI DWORD NTAPI TlsAlloc();
WINBASEAPI BOOL NTAPI TlsFree(DWORD TlsIndex);
WINBASEAPI LPVOID NTAPI TlsGetValue(DWORD TlsIndex);
WINBASEAPI BOOL NTAPI TlsSetValue(DWORD TlsIndex, LPVOID TlsValue);
// named.cpp
WINBASEAPI HANDLE NTAPI CreateEventA(LPSECURITY_ATTRIBUTES EventAttributes, BOOL ManualReset, BOOL InitialState,
                                     PCSTR Name);
WINBASEAPI HANDLE NTAPI CreateEventW(LPSECURITY_ATTRIBUTES EventAttributes, BOOL ManualReset, BOOL InitialState,
                                     PCWSTR Name);
WINBASEAPI HANDLE NTAPI CreateMutexA(LPSECURITY_ATTRIBUTES MutexAttributes, BOOL InitialOwner, PCSTR Name);
WINBASEAPI HANDLE NTAPI CreateMutexW(LPSECURITY_ATTRIBUTES MutexAttributes, BOOL InitialOwner, PCWSTR Name);
WINBASEAPI HANDLE NTAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES SemaphoreAttributes, LONG InitialCount,
                                         LONG MaximumCount, PCSTR Name);
WINBASEAPI HANDLE NTAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES SemaphoreAttributes, LONG InitialCount,
                                         LONG MaximumCount, PCWSTR Name);
WINBASEAPI HANDLE NTAPI OpenEventA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name);
WINBASEAPI HANDLE NTAPI OpenEventW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name);
WINBASEAPI HANDLE NTAPI OpenMutexA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name);
WINBASEAPI HANDLE NTAPI OpenMutexW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name);
WINBASEAPI HANDLE NTAPI OpenSemaphoreA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name);
WINBASEAPI HANDLE NTAPI OpenSemaphoreW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name);
// console.cpp
WINBASEAPI BOOL NTAPI GetConsoleMode(HANDLE Console, DWORD* Mode);
WINBASEAPI BOOL NTAPI SetConsoleMode(HANDLE Console, DWORD Mode);
/// Adds a handler of Ctrl+C, or takes one away. Handlers are asked in a thread of their own, the newest first, until one returns TRUE;
/// where none does, the process ends. @param HandlerRoutine nullptr: Ctrl+C is not for this process (AddIt) or is again
WINBASEAPI BOOL NTAPI SetConsoleCtrlHandler(PHANDLER_ROUTINE HandlerRoutine, BOOL AddIt);
/// As if Ctrl+C had been typed. @param CtrlEvent CTRL_C_EVENT. @param ProcessGroupId 0: there are no groups
WINBASEAPI BOOL NTAPI GenerateConsoleCtrlEvent(DWORD CtrlEvent, DWORD ProcessGroupId);
// sync.cpp
WINBASEAPI BOOL NTAPI PulseEvent(HANDLE Event);
WINBASEAPI DWORD NTAPI SignalObjectAndWait(HANDLE ObjectToSignal, HANDLE ObjectToWaitOn, DWORD Milliseconds,
                                           BOOL Alertable);
/// @returns FALSE: the time is over (ERROR_TIMEOUT)
WINBASEAPI BOOL NTAPI SleepConditionVariableCS(PRTL_CONDITION_VARIABLE ConditionVariable,
                                               PRTL_CRITICAL_SECTION CriticalSection, DWORD Milliseconds);
WINBASEAPI BOOL NTAPI SleepConditionVariableSRW(PRTL_CONDITION_VARIABLE ConditionVariable, PRTL_SRWLOCK SRWLock,
                                                DWORD Milliseconds, DWORD Flags);
WINBASEAPI BOOL NTAPI InitializeCriticalSectionEx(PRTL_CRITICAL_SECTION CriticalSection, DWORD SpinCount, DWORD Flags);
WINBASEAPI BOOL NTAPI SetEvent(HANDLE Event);
WINBASEAPI BOOL NTAPI ResetEvent(HANDLE Event);
WINBASEAPI BOOL NTAPI ReleaseMutex(HANDLE Mutex);
WINBASEAPI BOOL NTAPI ReleaseSemaphore(HANDLE Semaphore, LONG ReleaseCount, LONG* PreviousCount);
WINBASEAPI DWORD NTAPI WaitForSingleObject(HANDLE Handle, DWORD Milliseconds);
WINBASEAPI DWORD NTAPI WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, BOOL Alertable);
WINBASEAPI DWORD NTAPI WaitForMultipleObjects(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds);
WINBASEAPI DWORD NTAPI WaitForMultipleObjectsEx(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds,
                                                BOOL Alertable);
// sync.cpp; the others lead to ntdll.dll
WINBASEAPI void NTAPI InitializeCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
WINBASEAPI BOOL NTAPI InitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION CriticalSection, DWORD SpinCount);
WINBASEAPI BOOL NTAPI TryEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
// module.cpp
/// A module's file, as programs write it. @param Module nullptr: the program. @returns characters without the 0; Size: it was cut
WINBASEAPI DWORD NTAPI GetModuleFileNameA(HMODULE Module, PSTR FileName, DWORD Size);
WINBASEAPI HMODULE NTAPI GetModuleHandleA(PCSTR ModuleName);
WINBASEAPI HMODULE NTAPI GetModuleHandleW(PCWSTR ModuleName);
WINBASEAPI HMODULE NTAPI LoadLibraryA(PCSTR LibFileName);
WINBASEAPI HMODULE NTAPI LoadLibraryW(PCWSTR LibFileName);
WINBASEAPI HMODULE NTAPI LoadLibraryExA(PCSTR LibFileName, HANDLE File, DWORD Flags);
WINBASEAPI BOOL NTAPI FreeLibrary(HMODULE Module);
WINBASEAPI FARPROC NTAPI GetProcAddress(HMODULE Module, PCSTR ProcName);
// memory.cpp; the others lead to ntdll.dll
WINBASEAPI HANDLE NTAPI GetProcessHeap();
WINBASEAPI HANDLE NTAPI HeapCreate(DWORD Options, SIZE_T InitialSize, SIZE_T MaximumSize);
WINBASEAPI BOOL NTAPI HeapDestroy(HANDLE Heap);
WINBASEAPI BOOL NTAPI HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory);
WINBASEAPI LPVOID NTAPI VirtualAlloc(LPVOID Address, SIZE_T Size, DWORD AllocationType, DWORD Protect);
WINBASEAPI BOOL NTAPI VirtualFree(LPVOID Address, SIZE_T Size, DWORD FreeType);
WINBASEAPI BOOL NTAPI VirtualProtect(LPVOID Address, SIZE_T Size, DWORD NewProtect, DWORD* OldProtect);
WINBASEAPI SIZE_T NTAPI VirtualQuery(const void* Address, MEMORY_BASIC_INFORMATION* Buffer, SIZE_T Length);
WINBASEAPI BOOL NTAPI IsBadStringPtrW(PCWSTR Text, ULONG_PTR Maximum);
// file.cpp
WINBASEAPI HANDLE NTAPI CreateFileA(PCSTR FileName, DWORD DesiredAccess, DWORD ShareMode,
                                    LPSECURITY_ATTRIBUTES SecurityAttributes, DWORD CreationDisposition,
                                    DWORD FlagsAndAttributes, HANDLE TemplateFile);
WINBASEAPI HANDLE NTAPI CreateFileW(PCWSTR FileName, DWORD DesiredAccess, DWORD ShareMode,
                                    LPSECURITY_ATTRIBUTES SecurityAttributes, DWORD CreationDisposition,
                                    DWORD FlagsAndAttributes, HANDLE TemplateFile);
WINBASEAPI BOOL NTAPI ReadFile(HANDLE File, LPVOID Buffer, DWORD Bytes, DWORD* BytesRead, OVERLAPPED* Overlapped);
WINBASEAPI BOOL NTAPI WriteFile(HANDLE File, const void* Buffer, DWORD Bytes, DWORD* BytesWritten,
                                OVERLAPPED* Overlapped);
WINBASEAPI DWORD NTAPI GetFileSize(HANDLE File, DWORD* FileSizeHigh);
WINBASEAPI DWORD NTAPI SetFilePointer(HANDLE File, LONG DistanceToMove, LONG* DistanceToMoveHigh, DWORD MoveMethod);
WINBASEAPI DWORD NTAPI GetFileType(HANDLE File);
WINBASEAPI HANDLE NTAPI GetStdHandle(DWORD StdHandle);
WINBASEAPI BOOL NTAPI SetStdHandle(DWORD StdHandle, HANDLE Handle);
// handle.cpp
WINBASEAPI BOOL NTAPI DuplicateHandle(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, HANDLE* Target,
                                      DWORD DesiredAccess, BOOL InheritHandle, DWORD Options);
WINBASEAPI BOOL NTAPI SetHandleInformation(HANDLE Object, DWORD Mask, DWORD Flags);
WINBASEAPI BOOL NTAPI GetHandleInformation(HANDLE Object, DWORD* Flags);
// system.cpp
WINBASEAPI void NTAPI GetSystemInfo(SYSTEM_INFO* SystemInfo);
WINBASEAPI BOOL NTAPI IsProcessorFeaturePresent(DWORD Feature);
WINBASEAPI BOOL NTAPI IsDebuggerPresent();
WINBASEAPI BOOL NTAPI GetComputerNameW(PWSTR Buffer, DWORD* Size);
WINBASEAPI void NTAPI OutputDebugStringA(PCSTR OutputString);
// time.cpp
WINBASEAPI DWORD NTAPI GetTickCount();
WINBASEAPI void NTAPI GetSystemTimeAsFileTime(FILETIME* SystemTimeAsFileTime);
WINBASEAPI void NTAPI GetSystemTimePreciseAsFileTime(FILETIME* SystemTimeAsFileTime);
WINBASEAPI BOOL NTAPI FileTimeToSystemTime(const FILETIME* FileTime, SYSTEMTIME* SystemTime);
WINBASEAPI BOOL NTAPI SystemTimeToFileTime(const SYSTEMTIME* SystemTime, FILETIME* FileTime);
WINBASEAPI BOOL NTAPI SystemTimeToTzSpecificLocalTime(const void* TimeZone, const SYSTEMTIME* UniversalTime,
                                                      SYSTEMTIME* LocalTime);
WINBASEAPI BOOL NTAPI QueryPerformanceCounter(LARGE_INTEGER* PerformanceCount);
WINBASEAPI BOOL NTAPI QueryPerformanceFrequency(LARGE_INTEGER* Frequency);
// exception.cpp
WINBASEAPI void NTAPI RaiseException(DWORD ExceptionCode, DWORD ExceptionFlags, DWORD NumberOfArguments,
                                     const ULONG_PTR* Arguments);
WINBASEAPI PUNHANDLED_EXCEPTION_FILTER NTAPI SetUnhandledExceptionFilter(PUNHANDLED_EXCEPTION_FILTER Filter);
// consoletext.cpp
WINBASEAPI BOOL NTAPI WriteConsoleW(HANDLE Console, const void* Buffer, DWORD Characters, DWORD* Written,
                                    LPVOID Reserved);
WINBASEAPI UINT NTAPI GetOEMCP();
// message.cpp
WINBASEAPI DWORD NTAPI FormatMessageA(DWORD Flags, const void* Source, DWORD MessageId, DWORD LanguageId, PSTR Buffer,
                                      DWORD Size, va_list* Arguments);
WINBASEAPI PVOID NTAPI LocalFree(PVOID Memory);
// text.cpp
WINBASEAPI int NTAPI MultiByteToWideChar(UINT CodePage, DWORD Flags, PCSTR MultiByteStr, int MultiByteCount,
                                         PWSTR WideCharStr, int WideCharCount);
WINBASEAPI int NTAPI WideCharToMultiByte(UINT CodePage, DWORD Flags, PCWSTR WideCharStr, int WideCharCount,
                                         PSTR MultiByteStr, int MultiByteCount, PCSTR DefaultChar,
                                         BOOL* UsedDefaultChar);
WINBASEAPI BOOL NTAPI IsDBCSLeadByteEx(UINT CodePage, UCHAR TestChar);
}

// Names that kernel32.dll forwards to ntdll.dll: programs of this tree call those at once.
inline void EnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    (void)RtlEnterCriticalSection(CriticalSection);
}
inline void LeaveCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    (void)RtlLeaveCriticalSection(CriticalSection);
}
inline void DeleteCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    (void)RtlDeleteCriticalSection(CriticalSection);
}
inline LPVOID HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Bytes) { return RtlAllocateHeap(Heap, Flags, Bytes); }
inline LPVOID HeapReAlloc(HANDLE Heap, DWORD Flags, LPVOID Memory, SIZE_T Bytes) {
    return RtlReAllocateHeap(Heap, Flags, Memory, Bytes);
}
inline SIZE_T HeapSize(HANDLE Heap, DWORD Flags, const void* Memory) {
    return RtlSizeHeap(Heap, Flags, const_cast<LPVOID>(Memory));
}
