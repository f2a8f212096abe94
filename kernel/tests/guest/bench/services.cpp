// What a system service costs from user mode and back, by sysenter and by int 2Eh: a service that does nothing.
#include "crowd.h"
#include "ke/service.h"
#include "mm.h"
#include "mm/virtual.h"
#include "rtl/string.h"

extern "C" const UCHAR BenchUserCode[], BenchUserFastCalls[], BenchUserGateCalls[], BenchUserFastSystemCall[],
    BenchUserFastSystemCallRet[], BenchUserIntSystemCall[], BenchUserCodeEnd[];

namespace {

constexpr ULONG_PTR CODE_ADDRESS = 0x00400000;
constexpr ULONG STACK_ROOM = 2048; // in the code's second page

EPROCESS* Caller;

NTSTATUS NTAPI DoNothing() { return STATUS_SUCCESS; }

ULONG_PTR AddressOf(const UCHAR* label) { return CODE_ADDRESS + ULONG_PTR(label - BenchUserCode); }

ULONG Call(const UCHAR* program, ULONG iterations) {
    CONTEXT context{};
    context.Eip = ULONG(AddressOf(program));
    context.Esp = ULONG(CODE_ADDRESS + PAGE_SIZE + STACK_ROOM);
    context.Ecx = iterations;
    PETHREAD thread;
    if (!NT_SUCCESS(PspStartUserThread(&thread, Caller, "Bench", 8, &context, nullptr))) return 0;
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    const bool done = thread->ExitStatus == STATUS_BREAKPOINT;
    PsDereferenceThread(thread);
    return done ? iterations : 0;
}

} // namespace

extern "C" {

/// A process with the callers' code, and the second table with the service.
NTEXPORT ULONG NTAPI PrepareServices(ULONG Iterations) {
    static const ULONG_PTR base[] = {reinterpret_cast<ULONG_PTR>(&DoNothing)};
    static const UCHAR bytes[] = {0};
    (void)KeAddSystemServiceTable(base, nullptr, 1, bytes, 1); // there already at the second call
    if (!NT_SUCCESS(PspCreateProcess("Bench", &Caller))) return 0;
    KAPC_STATE saved;
    KeStackAttachProcess(&Caller->Pcb, &saved);
    auto at = reinterpret_cast<PVOID>(CODE_ADDRESS);
    SIZE_T size = 2 * PAGE_SIZE;
    const NTSTATUS status =
        ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    if (NT_SUCCESS(status)) memcpy(at, BenchUserCode, SIZE_T(BenchUserCodeEnd - BenchUserCode));
    KeUnstackDetachProcess(&saved);
    const KUSER_ENTRY_POINTS points = {.KiFastSystemCall = AddressOf(BenchUserFastSystemCall),
                                       .KiIntSystemCall = AddressOf(BenchUserIntSystemCall),
                                       .KiFastSystemCallRet = AddressOf(BenchUserFastSystemCallRet)};
    KeSetUserEntryPoints(&points);
    return NT_SUCCESS(status) ? Iterations : 0;
}

/// Through the library's stub, which chooses sysenter where the processor has it.
NTEXPORT ULONG NTAPI BenchFastService(ULONG Iterations) { return Call(BenchUserFastCalls, Iterations); }
/// The same through the gate.
NTEXPORT ULONG NTAPI BenchGateService(ULONG Iterations) { return Call(BenchUserGateCalls, Iterations); }
}
