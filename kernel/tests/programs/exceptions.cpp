// Exceptions of a program: frames, vectored handlers, unwinding; those of the processor, of software, of a closed handle.
#include "check.h"

namespace {

ULONG Asked; ///< how often the vectored handler was

LONG NTAPI CountExceptions(EXCEPTION_POINTERS*) {
    Asked++;
    return EXCEPTION_CONTINUE_SEARCH;
}

LONG NTAPI GoOn(EXCEPTION_POINTERS* pointers) {
    return pointers->ExceptionRecord->ExceptionCode == STATUS_DATATYPE_MISALIGNMENT ? EXCEPTION_CONTINUE_EXECUTION
                                                                                    : EXCEPTION_CONTINUE_SEARCH;
}

__attribute__((noinline)) void Write(volatile ULONG* address) { *address = 1; }
__attribute__((noinline)) void Raise(NTSTATUS status) { RtlRaiseStatus(status); }

void CheckFaults() {
    NTSTATUS code = STATUS_SUCCESS;
    ULONG_PTR address = 0, kind = 0;
    __try {
        Write(reinterpret_cast<ULONG*>(0x14));
    } __except (code = GetExceptionCode(), kind = GetExceptionInformation()->ExceptionRecord->ExceptionInformation[0],
                address = GetExceptionInformation()->ExceptionRecord->ExceptionInformation[1],
                EXCEPTION_EXECUTE_HANDLER) {
        CHECK(code == STATUS_ACCESS_VIOLATION && address == 0x14 && kind == 1);
    }
    CHECK(code == STATUS_ACCESS_VIOLATION);
}

ULONG Order; ///< in which the blocks of CheckUnwind run

void Inner() {
    __try {
        Raise(STATUS_RETRY);
    } __finally {
        CHECK(AbnormalTermination());
        Order = Order * 10 + 1;
    }
}

void CheckUnwind() {
    __try {
        __try {
            Inner();
        } __except (GetExceptionCode() == STATUS_TIMEOUT ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
            Order = Order * 10 + 9;
        }
    } __except (Order = Order * 10 + 2, EXCEPTION_EXECUTE_HANDLER) {
        Order = Order * 10 + 3;
    }
    CHECK(Order == 213); // the filter, then the unwind, then the block
}

void CheckVectored() {
    const PVOID counts = RtlAddVectoredExceptionHandler(0, CountExceptions);
    const PVOID goesOn = RtlAddVectoredExceptionHandler(1, GoOn);
    CHECK(counts && goesOn);
    EXCEPTION_RECORD record{};
    record.ExceptionCode = STATUS_DATATYPE_MISALIGNMENT;
    RtlRaiseException(&record); // the first handler goes on
    CHECK(Asked == 0);
    CheckFaults();
    CHECK(Asked == 1);
    CHECK(RtlRemoveVectoredExceptionHandler(goesOn) == 1);
    CHECK(RtlRemoveVectoredExceptionHandler(goesOn) == 0);
    CHECK(RtlRemoveVectoredExceptionHandler(counts) == 1);
    CheckFaults();
    CHECK(Asked == 1);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    CheckFaults();
    CheckUnwind();
    CheckVectored();
    return PROGRAM_PASSED;
}
