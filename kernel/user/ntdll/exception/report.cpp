// What the system says of an exception that nobody handles: the program, the exception, where, and who called whom.
//
//     hello.exe: exception c0000005 at hello.exe+0x1010: writes 00000000
//       #0 hello.exe+0x1010
//       #1 ntdll.dll+0x6b20  RtlUserThreadStart+0x12
//
// The lines of the stack have the form of the kernel's own: `make run` adds functions and lines of source. The lists of modules are read without
// the loader lock, which the thread that has failed may own; if memory is damaged, a second exception ends the report.
// In the books: "unhandled exceptions", "stack traces". EXC-04
#include "ldr/ldrp.h"

namespace {

constexpr ULONG FRAMES = 16;

/// What an access violation wanted.
void DescribeAccess(const EXCEPTION_RECORD& record, CHAR (&text)[32]) {
    text[0] = 0;
    if (record.ExceptionCode != STATUS_ACCESS_VIOLATION || record.NumberParameters < 2) return;
    (void)RtlStringCbPrintf(text, sizeof(text), ": %s %08x", record.ExceptionInformation[0] ? "writes" : "reads",
                            ULONG(record.ExceptionInformation[1]));
}

void PrintFrame(ULONG number, ULONG_PTR address) {
    CHAR place[LDRP_ADDRESS_SIZE];
    LdrpDescribeAddress(address, place);
    (void)DbgPrint("  #%u %s\n", number, place);
}

void PrintStack(const CONTEXT& context) {
    const TEB* const teb = NtCurrentTeb();
    PVOID callers[FRAMES];
    const auto low = reinterpret_cast<ULONG_PTR>(teb->NtTib.StackLimit);
    const auto high = reinterpret_cast<ULONG_PTR>(teb->NtTib.StackBase);
    ULONG number = 0;
    PrintFrame(number++, context.Eip);
    // A call through a bad pointer: nothing has run there, so the return address is still on top of the stack.
    if (!LdrpIsInModule(context.Eip) && context.Esp >= low && context.Esp <= high - sizeof(ULONG))
        PrintFrame(number++, *reinterpret_cast<const ULONG*>(ULONG_PTR(context.Esp)));
    const ULONG count = RtlWalkFrames(callers, FRAMES, context.Ebp, low, high);
    for (ULONG i = 0; i < count && callers[i]; i++)
        PrintFrame(number++, reinterpret_cast<ULONG_PTR>(callers[i]));
}

void Print(const EXCEPTION_RECORD& record, const CONTEXT& context) {
    CHAR place[LDRP_ADDRESS_SIZE], access[32];
    LdrpDescribeAddress(reinterpret_cast<ULONG_PTR>(record.ExceptionAddress), place);
    DescribeAccess(record, access);
    const LDRP_MODULE* const program = LdrpModuleOf(NtCurrentPeb()->Ldr->InLoadOrderModuleList.Flink);
    (void)DbgPrint("%s: exception %08x at %s%s\n", program->Name, static_cast<ULONG>(record.ExceptionCode), place,
                   access);
    PrintStack(context);
}

} // namespace

void RtlpReportException(const EXCEPTION_RECORD& record, const CONTEXT& context) {
    __try {
        if (NtCurrentPeb()->Ldr) Print(record, context);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        (void)DbgPrint("exception %08x at %08x; memory is damaged\n", static_cast<ULONG>(record.ExceptionCode),
                       ULONG(reinterpret_cast<ULONG_PTR>(record.ExceptionAddress)));
    }
}
