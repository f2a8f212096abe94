// Thread-local variables, and the callbacks of the program's TLS directory.
//
// The compiler and the linker ask for the names that begin with _tls; a C library has them usually.
#include "check.h"

// What the linker makes the TLS directory of: IMAGE_TLS_DIRECTORY32, with pointers.
struct TLS_DIRECTORY {
    const void* Start;
    const void* End;
    ULONG* Index;
    const void* const* CallBacks;
    ULONG SizeOfZeroFill;
    ULONG Characteristics;
};

__asm__(".globl __tls_array\n.set __tls_array, 0x2C"); // TEB::ThreadLocalStoragePointer

#pragma section(".tls", read, write)
#pragma section(".tls$ZZZ", read, write)
#pragma section(".rdata$T", read)

namespace {

CHAR Notes[16]; ///< what the callback was called for
ULONG Count;

void NTAPI Note(PVOID base, ULONG reason, PVOID) {
    CHECK(base == NtCurrentPeb()->ImageBaseAddress && Count < sizeof(Notes) - 1);
    Notes[Count++] = "pPTt"[reason];
}

const void* const CallBacks[] = {reinterpret_cast<const void*>(Note), nullptr};

} // namespace

extern "C" {
ULONG _tls_index = 77;
__declspec(allocate(".tls")) char _tls_start = 0;
__declspec(allocate(".tls$ZZZ")) char _tls_end = 0;
__declspec(allocate(".rdata$T")) extern const TLS_DIRECTORY _tls_used;
const TLS_DIRECTORY _tls_used = {&_tls_start, &_tls_end, &_tls_index, CallBacks, 0, 0};
}

namespace {

constexpr ULONG FILLED = 0x1234;
__declspec(thread) ULONG Filled = FILLED;
__declspec(thread) ULONG Zero;

NTSTATUS NTAPI Thread(PVOID parameter) {
    CHECK(Filled == FILLED && Zero == 0);
    Filled = Zero = ULONG(reinterpret_cast<ULONG_PTR>(parameter));
    (void)NtYieldExecution();
    CHECK(Filled == Zero);
    return STATUS_SUCCESS;
}

void RunThread(ULONG parameter) {
    HANDLE thread = nullptr;
    CHECK(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Thread,
                              reinterpret_cast<PVOID>(ULONG_PTR(parameter)), &thread, nullptr) == STATUS_SUCCESS);
    CHECK(NtWaitForSingleObject(thread, FALSE, nullptr) == STATUS_SUCCESS);
    CHECK(NtClose(thread) == STATUS_SUCCESS);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    CHECK(_tls_index == 0);
    CHECK(Filled == FILLED && Zero == 0);
    Filled = 1;
    CHECK(strcmp(Notes, "P") == 0); // before the program
    RunThread(5);
    RunThread(6);
    CHECK(Filled == 1 && Zero == 0);
    CHECK(strcmp(Notes, "PTtTt") == 0);
    return PROGRAM_PASSED;
}
