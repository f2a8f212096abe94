// Threads. Contract: kernel32.h.
#include "k32.h"

#include "ps/information.h"

namespace {

constexpr LONG_PTR CURRENT_THREAD = -2; ///< documented

} // namespace

extern "C" {

HANDLE NTAPI CreateThread(LPSECURITY_ATTRIBUTES, SIZE_T StackSize, LPTHREAD_START_ROUTINE StartAddress,
                          LPVOID Parameter, DWORD CreationFlags, DWORD* ThreadId) {
    const bool isReserve = (CreationFlags & STACK_SIZE_PARAM_IS_A_RESERVATION) != 0;
    HANDLE thread = nullptr;
    CLIENT_ID client;
    const NTSTATUS status =
        RtlCreateUserThread(NtCurrentProcess(), nullptr, (CreationFlags & CREATE_SUSPENDED) != 0, 0,
                            isReserve ? StackSize : 0, isReserve ? 0 : StackSize,
                            reinterpret_cast<PUSER_THREAD_START_ROUTINE>(StartAddress), Parameter, &thread, &client);
    if (!BaseSucceeded(status)) return nullptr;
    if (ThreadId) *ThreadId = ULONG(reinterpret_cast<ULONG_PTR>(client.UniqueThread));
    return thread;
}

void NTAPI ExitThread(DWORD ExitCode) { RtlExitUserThread(static_cast<NTSTATUS>(ExitCode)); }

HANDLE NTAPI GetCurrentThread() { return reinterpret_cast<HANDLE>(CURRENT_THREAD); }
DWORD NTAPI GetCurrentThreadId() { return ULONG(reinterpret_cast<ULONG_PTR>(NtCurrentTeb()->ClientId.UniqueThread)); }

/// @returns the processors that the thread might run on before; 0: GetLastError says why
ULONG_PTR NTAPI SetThreadAffinityMask(HANDLE Thread, ULONG_PTR AffinityMask) {
    THREAD_BASIC_INFORMATION before;
    const bool done = BaseSucceeded(NtQueryInformationThread(Thread, THREADINFOCLASS::ThreadBasicInformation, &before,
                                                             sizeof(before), nullptr)) &&
                      BaseSucceeded(NtSetInformationThread(Thread, THREADINFOCLASS::ThreadAffinityMask, &AffinityMask,
                                                           sizeof(AffinityMask)));
    return done ? before.AffinityMask : 0;
}

DWORD NTAPI SleepEx(DWORD Milliseconds, BOOL Alertable) {
    constexpr DWORD ioCompletion = 0xC0; // WAIT_IO_COMPLETION
    constexpr LONGLONG forEver = INT64_MIN;
    BASE_TIMEOUT timeout(Milliseconds);
    LARGE_INTEGER longest{.QuadPart = forEver};
    const NTSTATUS status = NtDelayExecution(Alertable != 0, timeout.Get() ? timeout.Get() : &longest);
    return status == STATUS_USER_APC ? ioCompletion : 0;
}
void NTAPI Sleep(DWORD Milliseconds) { (void)SleepEx(Milliseconds, FALSE); }

BOOL NTAPI SwitchToThread() { return NtYieldExecution() != STATUS_NO_YIELD_PERFORMED; }
}
