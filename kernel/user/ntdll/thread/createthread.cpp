// RtlCreateUserThread: a stack, a first context, a thread. Contract: user/thread.h.
//
//     allocation base | reserved ... | guard page | committed ... | stack base
//
// In the books: "flow of CreateThread", "user stacks". PRC-07, POL-06
#include "ntdllp.h"

#include "ntimage.h"
#include "ps/services.h"

namespace {

constexpr SIZE_T LEAST_RESERVE = 256 * 1024;
constexpr ULONG STACK_RESERVED_AT_TOP = 64; ///< bytes above the first frame

SIZE_T RoundUp(SIZE_T bytes, SIZE_T to) { return (bytes + to - 1) / to * to; }

const IMAGE_OPTIONAL_HEADER& ProgramHeader() {
    const auto* const base = static_cast<UCHAR*>(NtCurrentPeb()->ImageBaseAddress);
    const auto* const dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(base);
    return reinterpret_cast<const IMAGE_NT_HEADERS*>(base + dos->e_lfanew)->OptionalHeader;
}

/// Commits the upper end and makes the guard page.
NTSTATUS CommitEnd(HANDLE process, const INITIAL_TEB& stack) {
    PVOID at = static_cast<UCHAR*>(stack.StackLimit) - PAGE_SIZE;
    SIZE_T bytes = SIZE_T(static_cast<UCHAR*>(stack.StackBase) - static_cast<UCHAR*>(at));
    NT_TRY(NtAllocateVirtualMemory(process, &at, 0, &bytes, MEM_COMMIT, PAGE_READWRITE));
    bytes = PAGE_SIZE;
    ULONG before;
    return NtProtectVirtualMemory(process, &at, &bytes, PAGE_READWRITE | PAGE_GUARD, &before);
}

} // namespace

void RtlpInitialContext(CONTEXT* context, PVOID stackBase, PVOID start, PVOID parameter) {
    *context = {};
    context->ContextFlags = CONTEXT_FULL;
    context->Eip = ULONG(reinterpret_cast<ULONG_PTR>(RtlUserThreadStart));
    context->Esp = ULONG(reinterpret_cast<ULONG_PTR>(stackBase)) - STACK_RESERVED_AT_TOP;
    context->Eax = ULONG(reinterpret_cast<ULONG_PTR>(start));
    context->Ebx = ULONG(reinterpret_cast<ULONG_PTR>(parameter));
}

NTSTATUS RtlpCreateUserStack(HANDLE process, SIZE_T reserve, SIZE_T commit, INITIAL_TEB* stack) {
    commit = RoundUp(commit ? commit : PAGE_SIZE, PAGE_SIZE);
    if (reserve < commit + LEAST_RESERVE) reserve = commit + LEAST_RESERVE;
    reserve = RoundUp(reserve, MM_ALLOCATION_GRANULARITY);
    PVOID base = nullptr;
    NT_TRY(NtAllocateVirtualMemory(process, &base, 0, &reserve, MEM_RESERVE, PAGE_READWRITE));
    UCHAR* const top = static_cast<UCHAR*>(base) + reserve;
    *stack = {.PreviousStackBase = nullptr,
              .PreviousStackLimit = nullptr,
              .StackBase = top,
              .StackLimit = top - commit,
              .AllocatedStackBase = base};
    const NTSTATUS status = CommitEnd(process, *stack);
    if (!NT_SUCCESS(status)) RtlpFreeUserStack(process, *stack);
    return status;
}

void RtlpFreeUserStack(HANDLE process, const INITIAL_TEB& stack) {
    PVOID base = stack.AllocatedStackBase;
    SIZE_T all = 0;
    (void)NtFreeVirtualMemory(process, &base, &all, MEM_RELEASE);
}

extern "C" NTSTATUS NTAPI RtlCreateUserThread(HANDLE Process, PVOID, BOOLEAN CreateSuspended, ULONG,
                                              SIZE_T MaximumStackSize, SIZE_T CommittedStackSize,
                                              PUSER_THREAD_START_ROUTINE StartAddress, PVOID Parameter, HANDLE* Thread,
                                              CLIENT_ID* ClientId) {
    if (MaximumStackSize == 0) MaximumStackSize = ProgramHeader().SizeOfStackReserve;
    if (CommittedStackSize == 0) CommittedStackSize = ProgramHeader().SizeOfStackCommit;
    INITIAL_TEB stack;
    CONTEXT context;
    CLIENT_ID client;
    HANDLE handle = nullptr;
    NT_TRY(RtlpCreateUserStack(Process, MaximumStackSize, CommittedStackSize, &stack));
    RtlpInitialContext(&context, stack.StackBase, reinterpret_cast<PVOID>(StartAddress), Parameter);
    const NTSTATUS status =
        NtCreateThread(&handle, MAXIMUM_ALLOWED, nullptr, Process, &client, &context, &stack, CreateSuspended);
    if (!NT_SUCCESS(status)) {
        RtlpFreeUserStack(Process, stack);
        return status;
    }
    if (ClientId) *ClientId = client;
    if (Thread)
        *Thread = handle;
    else
        (void)NtClose(handle);
    return STATUS_SUCCESS;
}
