// NtQueryInformationThread.
//
// Locks: none; numbers that change are as they were at some moment. IRQL: PASSIVE_LEVEL.
// In the books: "thread internals". PRC-07
#include "ps/answer.h"
#include "ps/psp.h"

namespace {

THREAD_BASIC_INFORMATION BasicOf(const ETHREAD* thread) {
    const KTHREAD& kernel = thread->Tcb;
    return {.ExitStatus = thread->ExitStatus,
            .TebBaseAddress = static_cast<TEB*>(kernel.Teb),
            .ClientId = PspClientIdOf(thread),
            .AffinityMask = kernel.UserAffinity & KeActiveProcessors,
            .Priority = kernel.Priority,
            .BasePriority = kernel.BasePriority - thread->ThreadsProcess->Pcb.BasePriority};
}

KERNEL_USER_TIMES TimesOf(ETHREAD* thread) {
    ULONG user;
    const ULONG kernel = KeQueryRuntimeThread(&thread->Tcb, &user);
    const LONGLONG tick = KeQueryTimeIncrement();
    return {.CreateTime = thread->CreateTime,
            .ExitTime = thread->ExitTime,
            .KernelTime = {.QuadPart = kernel * tick},
            .UserTime = {.QuadPart = user * tick}};
}

} // namespace

extern "C" NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                                   PVOID ThreadInformation, ULONG ThreadInformationLength,
                                                   ULONG* ReturnLength) {
    PSP_ANSWER answer(ThreadInformation, ThreadInformationLength, ReturnLength);
    const auto ask = [&](auto describe) {
        return answer.Give<ETHREAD>(ThreadHandle, THREAD_QUERY_INFORMATION, PsThreadType, describe);
    };
    switch (ThreadInformationClass) {
    case THREADINFOCLASS::ThreadBasicInformation: return ask([](ETHREAD* t) { return BasicOf(t); });
    case THREADINFOCLASS::ThreadTimes: return ask([](ETHREAD* t) { return TimesOf(t); });
    case THREADINFOCLASS::ThreadQuerySetWin32StartAddress:
        return ask([](ETHREAD* t) { return reinterpret_cast<PVOID>(t->StartAddress); });
    case THREADINFOCLASS::ThreadAmILastThread:
        return ask([](ETHREAD* t) { return ULONG(t->ThreadsProcess->ActiveThreads == 1); });
    default: return STATUS_INVALID_INFO_CLASS;
    }
}
