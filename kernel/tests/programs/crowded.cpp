// A program that wants to lie where ntdll.dll lies (kernel/user/build.mk): it is relocated. PRC-05, BOO-03
#include "check.h"

namespace {

constexpr ULONG_PTR WANTED = 0x7C900000; ///< as it was linked
ULONG Value = 7;
ULONG* volatile Pointer = &Value; // an address in its data
ULONG Twice(ULONG number) { return 2 * number; }
using ROUTINE = ULONG(ULONG);
ROUTINE* volatile const Routines[] = {Twice}; // and in its read-only data

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    const auto base = reinterpret_cast<ULONG_PTR>(peb->ImageBaseAddress);
    CHECK(base != WANTED && base != 0);
    CHECK(Pointer == &Value && *Pointer == 7 && Routines[0](*Pointer) == 14);
    CHECK(reinterpret_cast<ULONG_PTR>(&Value) - base < 0x100000);
    MEMORY_BASIC_INFORMATION memory;
    CHECK(NtQueryVirtualMemory(NtCurrentProcess(), &Value, MEMORY_INFORMATION_CLASS::MemoryBasicInformation, &memory,
                               sizeof(memory), nullptr) == STATUS_SUCCESS);
    CHECK(memory.AllocationBase == peb->ImageBaseAddress);
    return PROGRAM_PASSED;
}
