// The services of virtual memory against the documentation, on page tables of the test's own.
// POL-06, TRP-06
#include "fakepages.h"
#include "fakepool.h"
#include "machine.h"
#include "mm/charge.h"
#include "mm/virtual.h"

namespace {

constexpr ULONG K64 = 0x10000;

/// An address space with a limit of 100,000 pages.
class ServicesTest : public host::KernelTest {
protected:
    ServicesTest() {
        MmTotalCommittedPages = 0;
        MmPeakCommitment = 0;
        MmTotalCommitLimit = 100'000;
        MmInitializeAddressSpace(&space, 0x5000);
    }
    void TearDown() override {
        EXPECT_STREQ(MiCheckVadTree(&space.VadRoot), nullptr);
        Run([&] { MiDeletePrivateRanges(space, table); });
        EXPECT_EQ(MmTotalCommittedPages, 0) << "a charge was lost";
        EXPECT_EQ(space.CommitCharge, 0);
        EXPECT_EQ(space.VirtualSize, 0u);
        EXPECT_EQ(table.Pages(), 0u) << "a page was lost";
        EXPECT_EQ(table.Tables(), 0u) << "a page table was lost";
    }
    NTSTATUS Allocate(ULONG_PTR at, SIZE_T bytes, ULONG type, ULONG protect = PAGE_READWRITE, ULONG_PTR zeroBits = 0) {
        base = at;
        size = bytes;
        return MiAllocateVirtualMemory(space, table, &base, zeroBits, &size, type, protect);
    }
    NTSTATUS Free(ULONG_PTR at, SIZE_T bytes, ULONG type) {
        base = at;
        size = bytes;
        return MiFreeVirtualMemory(space, table, &base, &size, type);
    }
    NTSTATUS Protect(ULONG_PTR at, SIZE_T bytes, ULONG protect) {
        base = at;
        size = bytes;
        return MiProtectVirtualMemory(space, table, &base, &size, protect, &old);
    }
    MEMORY_BASIC_INFORMATION Query(ULONG_PTR at) {
        MEMORY_BASIC_INFORMATION told{};
        EXPECT_EQ(MiQueryVirtualMemory(space, table, at, &told), STATUS_SUCCESS);
        return told;
    }
    /// What Query tells of an address, in one line: allocation base, bytes, state, protection (hexadecimal).
    std::string Told(ULONG_PTR at) {
        const MEMORY_BASIC_INFORMATION told = Query(at);
        char text[100];
        std::snprintf(text, sizeof(text), "%zx+%zx %s %x", reinterpret_cast<ULONG_PTR>(told.AllocationBase),
                      told.RegionSize,
                      told.State == MEM_FREE      ? "free"
                      : told.State == MEM_COMMIT  ? "commit"
                      : told.State == MEM_RESERVE ? "reserve"
                                                  : "?",
                      told.Protect);
        return text;
    }

    MM_ADDRESS_SPACE space{};
    host::FakePages table;
    ULONG_PTR base = 0;
    SIZE_T size = 0;
    ULONG old = 0;
};

} // namespace

// TRP-06, MEM-03
TEST_F(ServicesTest, BadArgumentsAreRefusedByTheirNumber) {
    Run([&] {
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE, PAGE_READWRITE, 21), STATUS_INVALID_PARAMETER_3);
        EXPECT_EQ(Allocate(0, 1, 0), STATUS_INVALID_PARAMETER_5);
        EXPECT_EQ(Allocate(0, 1, MEM_TOP_DOWN), STATUS_INVALID_PARAMETER_5);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE | MEM_DECOMMIT), STATUS_INVALID_PARAMETER_5);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE | MEM_RESET), STATUS_INVALID_PARAMETER_5);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE, 0), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE, PAGE_WRITECOPY), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE, PAGE_EXECUTE_WRITECOPY), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Allocate(0, 0, MEM_RESERVE), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(Allocate(0x7FFF0000, 1, MEM_RESERVE), STATUS_INVALID_PARAMETER_2) << "the no-access zone";
        EXPECT_EQ(Allocate(0x80000000, 1, MEM_RESERVE), STATUS_INVALID_PARAMETER_2);
        EXPECT_EQ(Allocate(1, 1, MEM_RESERVE), STATUS_INVALID_PARAMETER_2) << "no page at address 0";
        EXPECT_EQ(Allocate(0x7FFE0000, 1, MEM_RESERVE), STATUS_INVALID_PARAMETER_2) << "the shared page";
        EXPECT_EQ(Allocate(0x7FFD0000, K64 + 1, MEM_RESERVE), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(Allocate(K64, ~SIZE_T(0), MEM_RESERVE), STATUS_INVALID_PARAMETER_4) << "no sum that wraps";
        EXPECT_EQ(Free(K64, 0, MEM_DECOMMIT | MEM_RELEASE), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(Free(K64, 0, 0), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(Free(0x7FFF0000, 0, MEM_RELEASE), STATUS_INVALID_PARAMETER_2);
        EXPECT_EQ(Free(K64, ~SIZE_T(0), MEM_RELEASE), STATUS_INVALID_PARAMETER_3);
        EXPECT_EQ(Protect(K64, 0, PAGE_READONLY), STATUS_INVALID_PARAMETER_3);
        EXPECT_EQ(Protect(0x7FFF0000, 1, PAGE_READONLY), STATUS_INVALID_PARAMETER_2);
        EXPECT_EQ(Protect(K64, 1, PAGE_READONLY | PAGE_READWRITE), STATUS_INVALID_PAGE_PROTECTION);
        MEMORY_BASIC_INFORMATION told{};
        EXPECT_EQ(MiQueryVirtualMemory(space, table, 0x7FFF0000, &told), STATUS_INVALID_PARAMETER);
    });
    EXPECT_EQ(space.VadRoot.NumberOfNodes, 0u);
}

// POL-06
TEST_F(ServicesTest, ReservationGoesWhereItIsToldOrWhereThereIsRoom) {
    Run([&] {
        EXPECT_EQ(Allocate(0x12345, 0x1000, MEM_RESERVE), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x10000u) << "down to 64 KB";
        EXPECT_EQ(size, 0x4000u) << "to the end of the last page that was asked for";
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x20000u);
        EXPECT_EQ(size, 0x1000u);
        EXPECT_EQ(Allocate(0, 0x20000, MEM_RESERVE | MEM_TOP_DOWN), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x7FFC0000u);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE, 8), STATUS_SUCCESS);
        EXPECT_EQ(base, 0xFF0000u) << "8 bits of the address are 0";
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE, PAGE_READWRITE, 15), STATUS_NO_MEMORY) << "below 128 KB all is in use";
        EXPECT_EQ(Allocate(0, 0x7FF00000, MEM_RESERVE), STATUS_NO_MEMORY);
        EXPECT_EQ(Allocate(0x13000, 0x1000, MEM_RESERVE), STATUS_CONFLICTING_ADDRESSES);
        EXPECT_EQ(Allocate(0x14000, 0x1000, MEM_RESERVE), STATUS_CONFLICTING_ADDRESSES) << "begins at 10000";
        EXPECT_EQ(space.VirtualSize, 0x4000u + 0x1000u + 0x20000u + 0x1000u);
        EXPECT_EQ(MmTotalCommittedPages, 0) << "a reservation costs nothing";
    });
}

// POL-06
TEST_F(ServicesTest, ReservedPagesAreCommittedInPart) {
    Run([&] {
        EXPECT_EQ(Allocate(0x100000, 0x100000, MEM_RESERVE, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(Allocate(0x110800, 0x1000, MEM_COMMIT), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x110000u) << "down to a page only";
        EXPECT_EQ(size, 0x2000u);
        EXPECT_EQ(MmTotalCommittedPages, 2);
        EXPECT_EQ(Told(0x100000), "100000+10000 reserve 0");
        EXPECT_EQ(Told(0x110FFF), "100000+2000 commit 4");
        EXPECT_EQ(Told(0x112000), "100000+ee000 reserve 0");
        EXPECT_EQ(Told(0x200000), "0+7fde0000 free 1");
        EXPECT_EQ(Query(0x110000).AllocationProtect, PAGE_READONLY);
        EXPECT_EQ(Query(0x110000).Type, MEM_PRIVATE);
        EXPECT_EQ(Query(0x200000).Type, 0u);
        EXPECT_EQ(Told(0x7FFE0123), "7ffe0000+1000 commit 2") << "the page that the kernel shares";
        EXPECT_EQ(Told(0x7FFE1000), "7ffe0000+f000 reserve 0");
        EXPECT_EQ(Allocate(0x10F000, 0x5000, MEM_COMMIT, PAGE_READONLY), STATUS_SUCCESS) << "2 are committed already";
        EXPECT_EQ(MmTotalCommittedPages, 5);
        EXPECT_EQ(Told(0x10F000), "100000+5000 commit 2");
        EXPECT_EQ(Allocate(0x1FF000, 0x2000, MEM_COMMIT), STATUS_CONFLICTING_ADDRESSES) << "beyond the range";
        EXPECT_EQ(Allocate(0x300000, 0x1000, MEM_COMMIT), STATUS_CONFLICTING_ADDRESSES) << "not reserved";
        EXPECT_EQ(Allocate(0x110000, 0x1000, MEM_RESET), STATUS_SUCCESS);
        EXPECT_EQ(Allocate(0x300000, 0x1000, MEM_RESET), STATUS_CONFLICTING_ADDRESSES);
        EXPECT_EQ(Allocate(0, 0x1000, MEM_COMMIT), STATUS_SUCCESS) << "reserves, too, where nobody says where";
        EXPECT_EQ(base, 0x10000u);
        EXPECT_EQ(MmTotalCommittedPages, 6);
    });
}

// POL-06
TEST_F(ServicesTest, WholeRangeIsCommittedWithoutPageTables) {
    Run([&] {
        EXPECT_EQ(Allocate(0, 64 << 20, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        EXPECT_EQ(MmTotalCommittedPages, 16384);
        EXPECT_EQ(Told(0x10000), "10000+4000000 commit 4");
        EXPECT_EQ(table.Tables(), 0u);
        EXPECT_EQ(Allocate(0x10000000, 32 << 20, MEM_RESERVE), STATUS_SUCCESS);
        EXPECT_EQ(Allocate(0x10000000, 32 << 20, MEM_COMMIT), STATUS_SUCCESS);
        EXPECT_EQ(table.Tables(), 0u);
        EXPECT_EQ(Told(0x10000000), "10000000+2000000 commit 4");
        EXPECT_EQ(Free(0x10000000, 0, MEM_DECOMMIT), STATUS_SUCCESS);
        EXPECT_EQ(Told(0x10000000), "10000000+2000000 reserve 0");
        EXPECT_EQ(MmTotalCommittedPages, 16384);
    });
}

// POL-06
TEST_F(ServicesTest, DecommittedPagesOfACommittedRangeAreReserved) {
    Run([&] {
        EXPECT_EQ(Allocate(0x400000, 0x10000, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        for (ULONG vpn = 0x400; vpn < 0x408; vpn++)
            table.Touch(vpn, MM_READWRITE);
        EXPECT_EQ(Free(0x404800, 0x2000, MEM_DECOMMIT), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x404000u);
        EXPECT_EQ(size, 0x3000u);
        EXPECT_EQ(table.Pages(), 5u);
        EXPECT_EQ(MmTotalCommittedPages, 13);
        EXPECT_EQ(Told(0x400000), "400000+4000 commit 4");
        EXPECT_EQ(Told(0x404000), "400000+3000 reserve 0");
        EXPECT_EQ(Told(0x407000), "400000+9000 commit 4");
        EXPECT_EQ(Free(0x404000, 0x4000, MEM_DECOMMIT), STATUS_SUCCESS) << "three are decommitted already";
        EXPECT_EQ(MmTotalCommittedPages, 12);
        EXPECT_EQ(Allocate(0x405000, 0x1000, MEM_COMMIT), STATUS_SUCCESS);
        EXPECT_EQ(Told(0x405000), "400000+1000 commit 4");
        EXPECT_EQ(MmTotalCommittedPages, 13);
        EXPECT_EQ(Free(0x40F000, 0x2000, MEM_DECOMMIT), STATUS_UNABLE_TO_FREE_VM);
        EXPECT_EQ(Free(0x401000, 0, MEM_DECOMMIT), STATUS_FREE_VM_NOT_AT_BASE);
    });
}

// POL-06
TEST_F(ServicesTest, RangeIsReleasedWholeOrInPart) {
    Run([&] {
        EXPECT_EQ(Allocate(0x400000, 0x10000, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        for (ULONG vpn = 0x400; vpn < 0x410; vpn++)
            table.Touch(vpn, MM_READWRITE);
        EXPECT_EQ(Free(0x300000, 0, MEM_RELEASE), STATUS_MEMORY_NOT_ALLOCATED);
        EXPECT_EQ(Free(0x401000, 0, MEM_RELEASE), STATUS_FREE_VM_NOT_AT_BASE);
        EXPECT_EQ(Free(0x40F000, 0x1001, MEM_RELEASE), STATUS_UNABLE_TO_FREE_VM);
        EXPECT_EQ(Free(0x406000, 0x2000, MEM_RELEASE), STATUS_SUCCESS) << "the middle";
        EXPECT_EQ(space.VadRoot.NumberOfNodes, 2u);
        EXPECT_EQ(Told(0x405000), "400000+1000 commit 4");
        EXPECT_EQ(Told(0x406000), "0+2000 free 1");
        EXPECT_EQ(Told(0x408000), "408000+8000 commit 4");
        EXPECT_EQ(MmTotalCommittedPages, 14);
        EXPECT_EQ(table.Pages(), 14u);
        EXPECT_EQ(Free(0x400000, 0x1000, MEM_RELEASE), STATUS_SUCCESS) << "the start";
        EXPECT_EQ(Told(0x401000), "401000+5000 commit 4");
        EXPECT_EQ(Free(0x405000, 0x1000, MEM_RELEASE), STATUS_SUCCESS) << "the end";
        EXPECT_EQ(Told(0x401000), "401000+4000 commit 4");
        EXPECT_EQ(Free(0x401000, 0x4000, MEM_RELEASE), STATUS_SUCCESS) << "the rest";
        EXPECT_EQ(space.VadRoot.NumberOfNodes, 1u);
        EXPECT_EQ(Free(0x408000, 0, MEM_RELEASE), STATUS_SUCCESS);
        EXPECT_EQ(base, 0x408000u);
        EXPECT_EQ(size, 0x8000u);
        EXPECT_EQ(space.VadRoot.NumberOfNodes, 0u);
        EXPECT_EQ(space.PeakVirtualSize, 0x10000u);
    });
}

// POL-06
TEST_F(ServicesTest, ProtectionChangesPageByPage) {
    Run([&] {
        EXPECT_EQ(Allocate(0x400000, 0x8000, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        table.Touch(0x402, MM_READWRITE);
        EXPECT_EQ(Protect(0x401000, 0x3000, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(old, PAGE_READWRITE);
        EXPECT_EQ(Told(0x400000), "400000+1000 commit 4");
        EXPECT_EQ(Told(0x401000), "400000+3000 commit 2");
        EXPECT_EQ(table.Protection(0x402), ULONG(MM_READONLY));
        EXPECT_EQ(Protect(0x403000, 1, PAGE_READWRITE | PAGE_GUARD), STATUS_SUCCESS);
        EXPECT_EQ(old, PAGE_READONLY);
        EXPECT_EQ(Told(0x403000), "400000+1000 commit 104");
        EXPECT_EQ(Protect(0x404000, 1, PAGE_NOACCESS), STATUS_SUCCESS);
        EXPECT_EQ(Told(0x404000), "400000+1000 commit 1") << "committed, although nobody may use it";
        EXPECT_EQ(Protect(0x400000, 0x8000, PAGE_READWRITE), STATUS_SUCCESS);
        EXPECT_EQ(Told(0x400000), "400000+8000 commit 4");
        EXPECT_EQ(Protect(0x400000, 1, PAGE_WRITECOPY), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Protect(0x407000, 0x2000, PAGE_READONLY), STATUS_CONFLICTING_ADDRESSES);
        EXPECT_EQ(Free(0x405000, 0x1000, MEM_DECOMMIT), STATUS_SUCCESS);
        EXPECT_EQ(Protect(0x404000, 0x3000, PAGE_READONLY), STATUS_NOT_COMMITTED);
        EXPECT_EQ(Told(0x404000), "400000+1000 commit 4") << "nothing has changed";
        EXPECT_EQ(MmTotalCommittedPages, 7);
    });
}

// ERR-10, POL-06
TEST_F(ServicesTest, WhatFailsChangesNothing) {
    Run([&] {
        MmTotalCommitLimit = 100;
        EXPECT_EQ(Allocate(0, 101 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT), STATUS_COMMITMENT_LIMIT);
        space.CommitChargeLimit = 50;
        EXPECT_EQ(Allocate(0, 51 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT), STATUS_PAGEFILE_QUOTA_EXCEEDED);
        host::PoolFailures = 1;
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(space.VadRoot.NumberOfNodes, 0u);

        EXPECT_EQ(Allocate(0x3FF000, 0x1000, MEM_RESERVE), STATUS_SUCCESS); // from 3F0000 on
        EXPECT_EQ(Allocate(0x400000, 0x20000, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        table.TablesLeft = 0;
        EXPECT_EQ(Free(0x401000, 0x1000, MEM_DECOMMIT), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(Protect(0x401000, 0x1000, PAGE_READONLY), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(Allocate(0x3FF000, 0x1000, MEM_COMMIT), STATUS_INSUFFICIENT_RESOURCES);
        host::PoolFailures = 1;
        EXPECT_EQ(Free(0x401000, 0x1000, MEM_RELEASE), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(Told(0x400000), "400000+20000 commit 4");
        EXPECT_EQ(Told(0x3FF000), "3f0000+1000 reserve 0");
        EXPECT_EQ(MmTotalCommittedPages, 32);
        EXPECT_EQ(Allocate(0x3F0000, 0x10000, MEM_COMMIT), STATUS_SUCCESS) << "needs no page table";
        table.TablesLeft = 2;
        EXPECT_EQ(Free(0x400000, 0, MEM_RELEASE), STATUS_SUCCESS);
        EXPECT_EQ(Allocate(0x3F0000, 1, MEM_RESERVE), STATUS_CONFLICTING_ADDRESSES);

        EXPECT_EQ(Allocate(0x7F0000, 0x20000, MEM_RESERVE), STATUS_SUCCESS);
        const ULONG tables = table.Tables();
        table.TablesLeft = 1; // the commit's pages have their entries in two
        const LONG peak = MmPeakCommitment, peakOfProcess = space.CommitChargePeak;
        EXPECT_EQ(Allocate(0x7F1000, 0x1F000, MEM_COMMIT), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(table.Tables(), tables) << "the first page table has gone again";
        EXPECT_EQ(MmPeakCommitment, peak);
        EXPECT_EQ(space.CommitChargePeak, peakOfProcess);
        table.TablesLeft = 2;
        space.CommitChargeLimit = ULONG(space.CommitCharge) + 0x1E;
        EXPECT_EQ(Allocate(0x7F1000, 0x1F000, MEM_COMMIT), STATUS_PAGEFILE_QUOTA_EXCEEDED);
        EXPECT_EQ(table.Tables(), tables) << "both have gone again";
    });
}

// POL-06
TEST_F(ServicesTest, NoRangeIsMadeInAnAddressSpaceThatGoes) {
    Run([&] {
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        MiDeletePrivateRanges(space, table);
        EXPECT_EQ(Allocate(0, 1, MEM_RESERVE), STATUS_PROCESS_IS_TERMINATING);
        EXPECT_EQ(MmTotalCommittedPages, 0);
    });
}

// POL-06
TEST_F(ServicesTest, RangesThatAreProtectedThemselvesStay) {
    Run([&] {
        EXPECT_EQ(Allocate(0x400000, 0x10000, MEM_RESERVE | MEM_COMMIT), STATUS_SUCCESS);
        MMVAD* const vad = MiLocateVad(space, 0x400);
        vad->Flags.NoChange = 1;
        EXPECT_EQ(Free(0x400000, 0, MEM_RELEASE), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Protect(0x400000, 1, PAGE_READONLY), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(Allocate(0x400000, 1, MEM_COMMIT), STATUS_INVALID_PAGE_PROTECTION);
        vad->Flags.NoChange = 0;
        vad->Flags.PrivateMemory = 0; // a view
        EXPECT_EQ(Free(0x400000, 0, MEM_RELEASE), STATUS_UNABLE_TO_DELETE_SECTION);
        EXPECT_EQ(Allocate(0x400000, 1, MEM_COMMIT), STATUS_CONFLICTING_ADDRESSES);
        EXPECT_EQ(Query(0x400000).Type, MEM_MAPPED);
        vad->Flags.PrivateMemory = 1;
    });
}
