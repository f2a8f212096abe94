// The services of virtual memory in the kernel: real page tables, and callers that are not believed.
// What each service does in which case, the host tests say (mm/vad/services_test.cpp).
#include "mm.h"
#include "mm/virtual.h"
#include "ps.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

constexpr SIZE_T MB = 1 << 20;

/// The state of the pages from an address on.
MEMORY_BASIC_INFORMATION Query(PVOID address) {
    MEMORY_BASIC_INFORMATION told{};
    SIZE_T length = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVirtualMemory(NtCurrentProcess(), address, MEMORY_INFORMATION_CLASS{}, &told,
                                                     sizeof(told), &length));
    GUEST_EQUAL(sizeof(told), length);
    return told;
}

PVOID Address(ULONG_PTR address) { return reinterpret_cast<PVOID>(address); }

} // namespace

// POL-06, MEM-04
GUEST_TEST(RangeIsReservedCommittedInPartAndReleased) {
    PVOID base = Address(0x10000000);
    SIZE_T size = 64 * MB;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READONLY));
    const ULONG before = MmQueryFreePages(); // the pool may have taken a page for the range
    base = Address(0x103FF000);
    size = 2 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_COMMIT, PAGE_READWRITE));
    GUEST_EQUAL(before - 2, MmQueryFreePages()); // the two pages have their entries in two page tables
    const MEMORY_BASIC_INFORMATION committed = Query(base);
    GUEST_EQUAL(MEM_COMMIT, committed.State);
    GUEST_EQUAL(PAGE_READWRITE, committed.Protect);
    GUEST_EQUAL(PAGE_READONLY, committed.AllocationProtect);
    GUEST_EQUAL(2 * PAGE_SIZE, committed.RegionSize);
    GUEST_EQUAL(0x10000000, reinterpret_cast<ULONG_PTR>(committed.AllocationBase));
    GUEST_TRUE(!MmIsAddressValid(base)); // a page comes with its first use

    ULONG old = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwProtectVirtualMemory(NtCurrentProcess(), &base, &size, PAGE_NOACCESS, &old));
    GUEST_EQUAL(PAGE_READWRITE, old);
    GUEST_EQUAL(PAGE_NOACCESS, Query(base).Protect);
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_DECOMMIT));
    GUEST_EQUAL(before, MmQueryFreePages()); // the page tables have gone
    GUEST_EQUAL(MEM_RESERVE, Query(base).State);
    base = Address(0x10000000);
    size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
    GUEST_EQUAL(64 * MB, size);
    GUEST_EQUAL(MEM_FREE, Query(base).State);
}

// POL-06
GUEST_TEST(CommitStopsAtTheLimit) {
    PVOID base = nullptr;
    SIZE_T size = 1024 * MB; // more than any machine of the tests has
    GUEST_EQUAL(STATUS_COMMITMENT_LIMIT,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
    size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
}

// TRP-06
GUEST_TEST(PointersOfUserModeAreProbed) {
    PVOID base = nullptr; // this word lies in system space
    SIZE_T size = PAGE_SIZE;
    const NTSTATUS refused = AsUserMode(
        [&] { return NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READWRITE); });
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, refused);
    const NTSTATUS misaligned = AsUserMode(
        [&] { return NtFreeVirtualMemory(NtCurrentProcess(), reinterpret_cast<PVOID*>(0x10001), &size, MEM_RELEASE); });
    GUEST_EQUAL(STATUS_DATATYPE_MISALIGNMENT, misaligned);
    const NTSTATUS unmapped = AsUserMode(
        [&] { return NtFreeVirtualMemory(NtCurrentProcess(), reinterpret_cast<PVOID*>(0x10000), &size, MEM_RELEASE); });
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, unmapped);
    MEMORY_BASIC_INFORMATION told{};
    const NTSTATUS toKernel = AsUserMode([&] {
        return NtQueryVirtualMemory(NtCurrentProcess(), nullptr, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told),
                                    nullptr);
    });
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, toKernel);
    GUEST_EQUAL(0, told.State);
    GUEST_EQUAL(STATUS_SUCCESS, // from the kernel the same call is believed
                NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
    GUEST_EQUAL(STATUS_SUCCESS, NtFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
}

// TRP-06
GUEST_TEST(HandlesAndClassesAreChecked) {
    PVOID base = nullptr;
    SIZE_T size = PAGE_SIZE;
    HANDLE const other = Address(0x40);
    MEMORY_BASIC_INFORMATION told{};
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ZwAllocateVirtualMemory(other, &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ZwFreeVirtualMemory(other, &base, &size, MEM_RELEASE));
    GUEST_EQUAL(STATUS_INVALID_HANDLE,
                ZwQueryVirtualMemory(other, base, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS, ZwQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS(77),
                                                                &told, sizeof(told), nullptr));
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS{},
                                                                  &told, sizeof(told) - 1, nullptr));
}
