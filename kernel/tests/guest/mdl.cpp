// Memory descriptor lists and memory for devices: pages are named, held, mapped a second time, and given back.
#include "ex.h"
#include "mm.h"
#include "mm/contiguous.h"
#include "mm/mdl.h"
#include "rtl/exception.h"

#include "attached.h"
#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");

PFN_NUMBER FrameOf(const void* address) {
    return PFN_NUMBER(MmGetPhysicalAddress(const_cast<void*>(address)).QuadPart / PAGE_SIZE);
}

/// @returns what locking the buffer raises, STATUS_SUCCESS if nothing.
NTSTATUS Lock(PMDL mdl, KPROCESSOR_MODE mode, LOCK_OPERATION operation) {
    __try {
        MmProbeAndLockPages(mdl, mode, operation);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

/// Pages that can be given out, once the system has them all back.
class Balance {
public:
    Balance() : m_before(MmQueryFreePages()) {}
    void Check() const {
        GUEST_EQUAL(m_before, MmQueryFreePages());
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }

private:
    const ULONG m_before;
};

} // namespace

// HAL-04, POL-03
GUEST_TEST(AnMdlNamesThePagesOfABuffer) {
    auto* const buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, 3 * PAGE_SIZE, TestTag));
    PMDL const mdl = IoAllocateMdl(buffer + 100, 2 * PAGE_SIZE, FALSE, FALSE, nullptr); // touches three pages
    GUEST_TRUE(mdl != nullptr);
    GUEST_EQUAL(sizeof(MDL) + 3 * sizeof(PFN_NUMBER), MmSizeOfMdl(buffer + 100, 2 * PAGE_SIZE));
    GUEST_EQUAL(buffer + 100, MmGetMdlVirtualAddress(mdl));
    MmBuildMdlForNonPagedPool(mdl);
    for (ULONG i = 0; i < 3; i++)
        GUEST_EQUAL(FrameOf(buffer + i * PAGE_SIZE), MmGetMdlPfnArray(mdl)[i]);
    GUEST_EQUAL(buffer + 100, MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority));
    IoFreeMdl(mdl);
    ExFreePoolWithTag(buffer, TestTag);
}

// HAL-04, POL-03
GUEST_TEST(LockedPagesHaveASecondAddress) {
    auto* const buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, TestTag));
    PMDL const mdl = IoAllocateMdl(buffer + 40, PAGE_SIZE, FALSE, FALSE, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(mdl, KernelMode, IoModifyAccess));
    auto* const mapped =
        static_cast<volatile UCHAR*>(MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority));
    GUEST_TRUE(mapped != nullptr && mapped != buffer + 40);
    for (ULONG at = 0; at < PAGE_SIZE; at += 111) {
        mapped[at] = UCHAR(at);
        GUEST_EQUAL(UCHAR(at), static_cast<volatile UCHAR*>(buffer)[40 + at]);
    }
    MmUnlockPages(mdl);
    GUEST_TRUE(!MmIsAddressValid(mapped) && mdl->MdlFlags == 0);
    IoFreeMdl(mdl);
    ExFreePoolWithTag(buffer, TestTag);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// HAL-04, MEM-05: pages that no program has used, pages that left, and pages that were only read
GUEST_TEST(LockingBringsInAProgramsPages) {
    constexpr ULONG pages = 4;
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(pages);
    UCHAR room[sizeof(MDL) + pages * sizeof(PFN_NUMBER)];
    auto* const mdl = reinterpret_cast<PMDL>(room);
    for (ULONG round = 0; round < 4; round++) {
        MmInitializeMdl(mdl, base, pages * PAGE_SIZE);
        GUEST_EQUAL(STATUS_SUCCESS, Lock(mdl, UserMode, round < 2 ? IoModifyAccess : IoReadAccess));
        for (ULONG i = 0; i < pages; i++)
            GUEST_EQUAL(FrameOf(base + i * PAGE_SIZE), MmGetMdlPfnArray(mdl)[i]);
        MmUnlockPages(mdl);
        MmEmptyWorkingSet();
    }
    Protect(base, pages, PAGE_READONLY);
    MmInitializeMdl(mdl, base, pages * PAGE_SIZE);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(mdl, UserMode, IoReadAccess));
    MmUnlockPages(mdl);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Lock(mdl, UserMode, IoModifyAccess));
    Free(base);
}

// HAL-04
GUEST_TEST(LockingWhatIsNotThereRaisesAndHoldsNothing) {
    PVOID const stack = MmCreateKernelStack(FALSE); // below it lies a page that is never mapped
    auto* const below = static_cast<UCHAR*>(stack) - KERNEL_STACK_SIZE - 8;
    UCHAR room[sizeof(MDL) + 4 * sizeof(PFN_NUMBER)];
    auto* const mdl = reinterpret_cast<PMDL>(room);
    // user space, where nothing is
    MmInitializeMdl(mdl, reinterpret_cast<PVOID>(0x10000), 2 * PAGE_SIZE);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Lock(mdl, UserMode, IoReadAccess));
    // system space, on behalf of user mode
    MmInitializeMdl(mdl, static_cast<UCHAR*>(stack) - 100, 50);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Lock(mdl, UserMode, IoReadAccess));
    GUEST_EQUAL(0, mdl->MdlFlags);
    GUEST_TRUE(below != nullptr);
    MmDeleteKernelStack(stack, FALSE);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// HAL-04
GUEST_TEST(APartHasAnMdlOfItsOwn) {
    auto* const buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, 4 * PAGE_SIZE, TestTag));
    PMDL const whole = IoAllocateMdl(buffer + 10, 4 * PAGE_SIZE - 10, FALSE, FALSE, nullptr);
    PMDL const part = IoAllocateMdl(buffer + 10, 4 * PAGE_SIZE - 10, FALSE, FALSE, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, Lock(whole, KernelMode, IoReadAccess));
    IoBuildPartialMdl(whole, part, buffer + PAGE_SIZE + 20, PAGE_SIZE);
    GUEST_EQUAL(PAGE_SIZE, MmGetMdlByteCount(part));
    GUEST_EQUAL(20, MmGetMdlByteOffset(part));
    GUEST_EQUAL(FrameOf(buffer + PAGE_SIZE), MmGetMdlPfnArray(part)[0]);
    GUEST_EQUAL(FrameOf(buffer + 2 * PAGE_SIZE), MmGetMdlPfnArray(part)[1]);
    buffer[PAGE_SIZE + 20] = 77;
    const auto* const mapped =
        static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(part, MM_PAGE_PRIORITY::NormalPagePriority));
    GUEST_EQUAL(77, *mapped);
    IoFreeMdl(part); // ends its mapping
    GUEST_TRUE(!MmIsAddressValid(mapped));
    // of a mapped one: the mapping is the whole one's
    auto* const all = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(whole, MM_PAGE_PRIORITY::NormalPagePriority));
    UCHAR room[sizeof(MDL) + 5 * sizeof(PFN_NUMBER)];
    auto* const rest = reinterpret_cast<PMDL>(room);
    MmInitializeMdl(rest, buffer + 10, 4 * PAGE_SIZE - 10);
    IoBuildPartialMdl(whole, rest, buffer + 3 * PAGE_SIZE, 0);
    GUEST_EQUAL(all + 3 * PAGE_SIZE - 10, MmGetSystemAddressForMdlSafe(rest, MM_PAGE_PRIORITY::NormalPagePriority));
    GUEST_EQUAL(PAGE_SIZE, MmGetMdlByteCount(rest));
    MmUnlockPages(whole);
    IoFreeMdl(whole);
    ExFreePoolWithTag(buffer, TestTag);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// HAL-04
GUEST_TEST(ContiguousMemoryLiesWhereItIsWanted) {
    const Balance balance;
    constexpr ULONG below = 8u << 20, bytes = 5 * PAGE_SIZE + 1;
    PVOID const low = MmAllocateContiguousMemory(bytes, {.QuadPart = below - 1});
    GUEST_TRUE(low != nullptr);
    const PFN_NUMBER first = FrameOf(low);
    for (ULONG i = 0; i < 6; i++)
        GUEST_EQUAL(first + i, FrameOf(static_cast<UCHAR*>(low) + i * PAGE_SIZE));
    GUEST_TRUE(first + 6 <= below / PAGE_SIZE);
    constexpr ULONG boundary = 8 * PAGE_SIZE;
    PVOID const aligned = MmAllocateContiguousMemorySpecifyCache(bytes, {.QuadPart = 1 << 20}, {.QuadPart = 0xFFFFFFFF},
                                                                 {.QuadPart = boundary}, MmNonCached);
    GUEST_TRUE(aligned != nullptr);
    GUEST_EQUAL(FrameOf(aligned) / 8, (FrameOf(aligned) + 5) / 8);
    GUEST_TRUE(MmAllocateContiguousMemory(PAGE_SIZE, {.QuadPart = PAGE_SIZE - 2}) == nullptr);
    GUEST_TRUE(MmAllocateContiguousMemory(0, {.QuadPart = 0xFFFFFFFF}) == nullptr);
    GUEST_TRUE(MmAllocateContiguousMemory(1u << 30, {.QuadPart = 0xFFFFFFFF}) == nullptr);
    PVOID const uncached = MmAllocateNonCachedMemory(3 * PAGE_SIZE);
    GUEST_TRUE(uncached != nullptr);
    memset(uncached, 1, 3 * PAGE_SIZE);
    MmFreeNonCachedMemory(uncached, 3 * PAGE_SIZE);
    MmFreeContiguousMemory(aligned);
    MmFreeContiguousMemory(low);
    balance.Check();
}

// HAL-04, PFN-18
GUEST_TEST(PagesForAnMdlAreZeroAndInTheRange) {
    const Balance balance;
    constexpr ULONG low = 1u << 20, high = 1u << 30; // where every machine has pages left
    PMDL const mdl = MmAllocatePagesForMdl({.QuadPart = low}, {.QuadPart = high - 1}, {.QuadPart = 0}, 40 * PAGE_SIZE);
    GUEST_TRUE(mdl != nullptr);
    if (!GUEST_EQUAL(40 * PAGE_SIZE, MmGetMdlByteCount(mdl))) return;
    ULONG outside = 0, dirty = 0;
    for (ULONG i = 0; i < 40; i++) {
        const PFN_NUMBER frame = MmGetMdlPfnArray(mdl)[i];
        outside += frame < low / PAGE_SIZE || frame >= high / PAGE_SIZE;
    }
    const auto* const mapped =
        static_cast<ULONG*>(MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority));
    for (ULONG i = 0; i < 40 * PAGE_SIZE / sizeof(ULONG); i++)
        dirty += mapped[i] != 0;
    GUEST_EQUAL(0, outside);
    GUEST_EQUAL(0, dirty);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    balance.Check();
}
