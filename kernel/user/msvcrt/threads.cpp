// Threads, as programs of the C library start them. Contract: the public documentation.
//
// imports: kernel32
// A routine that is called by the C convention needs a frame under it that is not: the new thread finds the routine in a block of the heap.
// In the books: "thread creation". PRC-06
#include "crt.h"

#include "kernel32.h"

namespace {

using THREAD_ROUTINE = void(CDECL*)(void* parameter); ///< as _beginthread takes it

/// What a thread begins with.
struct START {
    THREAD_ROUTINE Routine;
    void* Parameter;
};

DWORD NTAPI Begin(LPVOID parameter) {
    const START start = *static_cast<START*>(parameter);
    free(parameter);
    start.Routine(start.Parameter);
    return 0;
}

} // namespace

extern "C" {

/// @param flags of CreateThread. @returns the thread's handle, which the caller closes; 0: errno says why
ULONG_PTR CDECL _beginthreadex(void* security, ULONG stackSize, LPTHREAD_START_ROUTINE routine, void* parameter,
                               ULONG flags, DWORD* id) {
    HANDLE const thread = CreateThread(security, stackSize, routine, parameter, flags, id);
    if (!thread) *_errno() = GetLastError() == ERROR_NOT_ENOUGH_MEMORY ? ENOMEM : EINVAL;
    return reinterpret_cast<ULONG_PTR>(thread);
}
[[noreturn]] void CDECL _endthreadex(ULONG status) { ExitThread(status); }

/// @returns the thread's handle, which is closed already: nobody but the thread itself knows how long it lives; -1: errno says why
ULONG_PTR CDECL _beginthread(THREAD_ROUTINE routine, ULONG stackSize, void* parameter) {
    constexpr ULONG_PTR failed = ~ULONG_PTR(0);
    auto* const start = static_cast<START*>(malloc(sizeof(START)));
    if (!start) return failed;
    *start = {routine, parameter};
    HANDLE const thread = CreateThread(nullptr, stackSize, Begin, start, 0, nullptr);
    if (!thread) {
        free(start);
        *_errno() = EINVAL;
        return failed;
    }
    (void)CloseHandle(thread);
    return reinterpret_cast<ULONG_PTR>(thread);
}
[[noreturn]] void CDECL _endthread() { ExitThread(0); }
}
