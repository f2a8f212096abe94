// Exceptions: a vectored handler that goes on, one that is asked and passes, the filter of those that nobody handles.
// status: 7
// prints: vectored e0000001 with 2 arguments
// prints: went on
// prints: unhandled c0000005 writes 00000030
#include <stdio.h>
#include <windows.h>

static LONG WINAPI vectored(EXCEPTION_POINTERS *pointers) {
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    if (record->ExceptionCode != 0xE0000001) return EXCEPTION_CONTINUE_SEARCH;
    printf("vectored %lx with %lu arguments\n", record->ExceptionCode, record->NumberParameters);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG WINAPI unhandled(EXCEPTION_POINTERS *pointers) {
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    printf("unhandled %lx %s %08lx\n", record->ExceptionCode, record->ExceptionInformation[0] ? "writes" : "reads",
           (unsigned long)record->ExceptionInformation[1]);
    fflush(stdout);
    ExitProcess(7);
}

int main(void) {
    const ULONG_PTR arguments[] = {1, 2};
    volatile int *volatile nowhere = (volatile int *)0x30;
    void *handler = AddVectoredExceptionHandler(1, vectored);
    RaiseException(0xE0000001, 0, 2, arguments);
    printf("went on\n");
    SetUnhandledExceptionFilter(unhandled);
    if (!handler || IsDebuggerPresent()) return 1;
    *nowhere = 1;
    return 2;
}
