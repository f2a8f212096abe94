// Protections against the documentation's tables, for every combination of bits.
// POL-06
#include "mm/protect.h"

#include <bit>
#include <gtest/gtest.h>

namespace {

/// What the documentation says: one of the eight; PAGE_GUARD and PAGE_NOCACHE not with PAGE_NOACCESS and not with each other.
bool IsDocumented(ULONG protect) {
    const bool guard = protect & PAGE_GUARD, noCache = protect & PAGE_NOCACHE;
    if (std::popcount(protect & 0xFF) != 1 || protect >> 10) return false;
    return !(guard && noCache) && !((guard || noCache) && (protect & PAGE_NOACCESS));
}

// POL-06
TEST(Protection, EveryDocumentedValueIsTakenAndNoOther) {
    ULONG documented = 0;
    for (ULONG protect = 0; protect < 0x1000; protect++) {
        const ULONG protection = MiMakeProtectionMask(protect);
        EXPECT_EQ(protection != MM_INVALID_PROTECTION, IsDocumented(protect)) << std::hex << protect;
        if (protection == MM_INVALID_PROTECTION) continue;
        documented++;
        EXPECT_EQ(MiPageProtection(protection), protect) << std::hex << protect;
        EXPECT_NE(protection, ULONG(MM_ZERO_ACCESS));
        EXPECT_NE(protection, ULONG(MM_DECOMMIT));
    }
    EXPECT_EQ(documented, 8u + 7u + 7u);
    EXPECT_EQ(MiMakeProtectionMask(0x80000000 | PAGE_READONLY), MM_INVALID_PROTECTION);
}

// POL-06
TEST(Protection, ValuesAreTheOnesOfVadsAndPtes) {
    EXPECT_EQ(MiMakeProtectionMask(PAGE_NOACCESS), ULONG(MM_NOACCESS));
    EXPECT_EQ(MiMakeProtectionMask(PAGE_READWRITE), ULONG(MM_READWRITE));
    EXPECT_EQ(MiMakeProtectionMask(PAGE_READWRITE | PAGE_GUARD), ULONG(MM_READWRITE | MM_GUARD_PAGE));
    EXPECT_EQ(MiMakeProtectionMask(PAGE_EXECUTE_WRITECOPY | PAGE_NOCACHE), ULONG(MM_EXECUTE_WRITECOPY | MM_NOCACHE));
    EXPECT_EQ(MiPageProtection(MM_ZERO_ACCESS), 0u);
    EXPECT_EQ(MiPageProtection(MM_DECOMMIT), 0u);
}

// MEM-04
TEST(Protection, HardwareWritesWhereAWriteNeedsNoCopy) {
    for (ULONG protection = 0; protection <= MM_PROTECTION_MASK; protection++) {
        MMPTE pte{MmProtectToPteMask[protection]};
        if (protection >= MM_GUARD_PAGE) {
            EXPECT_EQ(pte.Long, 0u) << "never valid: " << protection;
            continue;
        }
        const ULONG page = MiPageProtection(protection) & 0xFF;
        EXPECT_EQ(pte.Hard.Write, page == PAGE_READWRITE || page == PAGE_EXECUTE_READWRITE) << protection;
        EXPECT_EQ(pte.Hard.CopyOnWrite, page == PAGE_WRITECOPY || page == PAGE_EXECUTE_WRITECOPY) << protection;
        EXPECT_EQ(pte.Hard.CacheDisable, page != 0 && (protection & MM_NOCACHE) != 0) << protection;
        EXPECT_EQ(pte.Hard.Valid + pte.Hard.Owner + pte.Hard.Global + pte.Hard.PageFrameNumber, 0u) << protection;
    }
}

// POL-06
TEST(Protection, UsesAreWhatTheNamesSay) {
    const auto allowed = [](ULONG protect, MI_ACCESS access) {
        return MiIsAccessAllowed(MiMakeProtectionMask(protect), access);
    };
    for (ULONG bit = 1; bit <= PAGE_EXECUTE_WRITECOPY; bit <<= 1) {
        const bool any = bit != PAGE_NOACCESS;
        const bool writes = bit & (PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY);
        EXPECT_EQ(allowed(bit, MI_ACCESS::Read), any) << bit;
        EXPECT_EQ(allowed(bit, MI_ACCESS::Execute), any) << bit;
        EXPECT_EQ(allowed(bit, MI_ACCESS::Write), writes) << bit;
        if (any) EXPECT_EQ(allowed(bit | PAGE_GUARD, MI_ACCESS::Write), writes) << bit;
    }
    EXPECT_FALSE(MiIsAccessAllowed(MM_ZERO_ACCESS, MI_ACCESS::Read));
    EXPECT_FALSE(MiIsAccessAllowed(MM_DECOMMIT, MI_ACCESS::Execute));
}

// MEM-05
TEST(PteKind, DecommittedIsNeitherZeroNorDemandZero) {
    const auto kind = [](ULONG protection) { return MiPteKind(MMPTE{protection << 5}); };
    EXPECT_EQ(kind(MM_ZERO_ACCESS), MI_PTE_KIND::Zero);
    EXPECT_EQ(kind(MM_DECOMMIT), MI_PTE_KIND::Decommitted);
    EXPECT_EQ(kind(MM_READWRITE), MI_PTE_KIND::DemandZero);
    EXPECT_EQ(kind(MM_NOACCESS), MI_PTE_KIND::DemandZero);
    EXPECT_EQ(kind(MM_READWRITE | MM_GUARD_PAGE), MI_PTE_KIND::DemandZero);
    EXPECT_EQ(MiPteKind(MMPTE{MM_DECOMMIT << 5 | 1 << 1}), MI_PTE_KIND::PageFile);
    EXPECT_EQ(MiPteKind(MMPTE{MM_DECOMMIT << 5 | 1 << 12}), MI_PTE_KIND::PageFile);
}

} // namespace
