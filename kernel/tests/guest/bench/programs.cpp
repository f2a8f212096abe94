// What a program's own operations cost: kernel/tests/programs/measures.cpp does them, in processes of its own.
#include "guest_test.h"
#include "ob/sync.h"
#include "ps.h"
#include "rtl/string.h"

namespace {

constexpr NTSTATUS PROGRAM_PASSED = static_cast<NTSTATUS>(0x600D); ///< kernel/tests/programs/check.h

/// Runs `measures WHAT COUNT`. @param digit of measures.cpp's MEASURE. @returns the count, if all went well
ULONG Run(WCHAR digit, ULONG count) {
    WCHAR text[] = u"measures 0 0000000";
    constexpr ULONG kindAt = 9, lastDigit = 17;
    text[kindAt] = digit;
    for (ULONG at = lastDigit, rest = count; rest != 0; at--, rest /= 10)
        text[at] = WCHAR(u'0' + rest % 10);
    UNICODE_STRING name, line;
    HANDLE handle;
    RtlInitUnicodeString(&name, u"measures.exe");
    RtlInitUnicodeString(&line, text);
    if (!NT_SUCCESS(PsCreateInitialUserProcess(&name, &line, &handle))) return 0;
    nt::ObjectRef<EPROCESS> process;
    const bool done = NT_SUCCESS(process.Open(handle, 0, PsProcessType, KernelMode)) &&
                      ZwWaitForSingleObject(handle, FALSE, nullptr) == STATUS_SUCCESS &&
                      process->ExitStatus == PROGRAM_PASSED;
    (void)ZwClose(handle);
    return done ? count : 0;
}

} // namespace

extern "C" {
NTEXPORT ULONG NTAPI BenchProcessPingPong(ULONG Iterations) { return Run(u'0', Iterations); }
NTEXPORT ULONG NTAPI BenchCreateProcess(ULONG Iterations) { return Run(u'1', Iterations); }
NTEXPORT ULONG NTAPI BenchCreateThread(ULONG Iterations) { return Run(u'2', Iterations); }
NTEXPORT ULONG NTAPI BenchOpenEvent(ULONG Iterations) { return Run(u'3', Iterations); }
NTEXPORT ULONG NTAPI BenchDuplicate(ULONG Iterations) { return Run(u'4', Iterations); }
NTEXPORT ULONG NTAPI BenchRaise(ULONG Iterations) { return Run(u'5', Iterations); }
NTEXPORT ULONG NTAPI BenchFault(ULONG Iterations) { return Run(u'6', Iterations); }
}
