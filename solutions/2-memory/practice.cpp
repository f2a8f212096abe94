// Scenarios that find the practice kernels of exercise 2.9: labs/2-memory/practice/. One for each, and no more than it takes.
#include "ex.h"
#include "mm/mdl.h"
#include "mm/virtual.h"
#include "scenario_main.h"

namespace {

struct QueryTellsProtections {
    static void Actor0() {
        PVOID base = nullptr;
        SIZE_T size = 4 * PAGE_SIZE;
        CHECK_EQUAL(STATUS_SUCCESS, NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT,
                                                            PAGE_READWRITE));
        PVOID second = static_cast<UCHAR*>(base) + PAGE_SIZE;
        size = PAGE_SIZE;
        ULONG old = 0;
        CHECK_EQUAL(STATUS_SUCCESS, NtProtectVirtualMemory(NtCurrentProcess(), &second, &size, PAGE_READONLY, &old));
        MEMORY_BASIC_INFORMATION told{};
        CHECK_EQUAL(STATUS_SUCCESS,
                    NtQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS::MemoryBasicInformation,
                                         &told, sizeof(told), nullptr));
        CHECK_EQUAL(SIZE_T(PAGE_SIZE), told.RegionSize);
        size = 0;
        CHECK_EQUAL(STATUS_SUCCESS, NtFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
    }
};

struct PartOfABuffer {
    static constexpr ULONG Offset = 0x800, Bytes = 3 * PAGE_SIZE, Tag = EX_TAG("Mine");
    static void Actor0() {
        auto* const pages = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, Bytes, Tag));
        MDL* const whole = IoAllocateMdl(pages + Offset, Bytes - Offset, FALSE, FALSE, nullptr);
        MDL* const part = IoAllocateMdl(pages + PAGE_SIZE, PAGE_SIZE, FALSE, FALSE, nullptr);
        MmBuildMdlForNonPagedPool(whole);
        IoBuildPartialMdl(whole, part, pages + PAGE_SIZE, PAGE_SIZE);
        CHECK_EQUAL(MmGetMdlPfnArray(whole)[1], MmGetMdlPfnArray(part)[0]);
        IoFreeMdl(part);
        IoFreeMdl(whole);
        ExFreePoolWithTag(pages, Tag);
    }
};

} // namespace

SCENARIO(QueryTellsProtections);
SCENARIO(PartOfABuffer);
