// Reading MADT and MP tables, good ones and bad ones. HAL-02, HAL-05
#include "apictables.h"

#include <gtest/gtest.h>
#include <vector>

namespace {

using Table = std::vector<UCHAR>;

void Append(Table& table, std::initializer_list<int> bytes) {
    for (const int byte : bytes)
        table.push_back(UCHAR(byte));
}

/// Makes the bytes add up to 0 by the checksum field at `at`.
Table Seal(Table table, SIZE_T at) {
    table[at] = 0;
    UCHAR sum = 0;
    for (const UCHAR byte : table)
        sum = UCHAR(sum + byte);
    table[at] = UCHAR(-sum);
    return table;
}

nt::Span<const UCHAR> View(const Table& table) { return {table.data(), table.size()}; }

Table MadtHeader() {
    Table table(44);
    table[36] = 0x00, table[37] = 0x00, table[38] = 0xE0, table[39] = 0xFE;
    return table;
}

/// As QEMU's: two processors, one I/O APIC, line 0 on input 2, line 9 level-sensitive.
Table GoodMadt() {
    Table t = MadtHeader();
    Append(t, {0, 8, 0, 0, 1, 0, 0, 0});
    Append(t, {0, 8, 1, 1, 1, 0, 0, 0});
    Append(t, {0, 8, 2, 2, 0, 0, 0, 0}); // not enabled
    Append(t, {1, 12, 0, 0, 0x00, 0x00, 0xC0, 0xFE, 0, 0, 0, 0});
    Append(t, {2, 10, 0, 0, 2, 0, 0, 0, 0, 0});
    Append(t, {2, 10, 0, 9, 9, 0, 0, 0, 0x0F, 0});
    Append(t, {4, 6, 0xFF, 0, 0, 1});
    return Seal(t, 9);
}

} // namespace

// HAL-05
TEST(Madt, ProcessorsIoApicsAndOverrides) {
    HALP_APIC_INFO info;
    ASSERT_TRUE(HalpParseMadt(View(GoodMadt()), info));
    EXPECT_EQ(info.LocalApicAddress, 0xFEE00000u);
    EXPECT_EQ(info.ProcessorCount, 2u);
    EXPECT_EQ(info.ProcessorApicId[1], 1);
    ASSERT_EQ(info.IoApicCount, 1u);
    EXPECT_EQ(info.IoApic[0].Address, 0xFEC00000u);
    EXPECT_EQ(info.IsaLine[0].Input, 2u);
    EXPECT_FALSE(info.IsaLine[0].LevelSensitive);
    EXPECT_EQ(info.IsaLine[1].Input, 1u);
    EXPECT_TRUE(info.IsaLine[9].LevelSensitive);
    EXPECT_TRUE(info.IsaLine[9].ActiveLow);
}

// HAL-05: a damaged table is refused, whichever byte changed
TEST(Madt, EveryDamagedByteIsNoticed) {
    const Table good = GoodMadt();
    for (SIZE_T i = 0; i < good.size(); ++i) {
        Table bad = good;
        bad[i] ^= 0x10;
        HALP_APIC_INFO info;
        EXPECT_FALSE(HalpParseMadt(View(bad), info)) << i;
    }
}

// HAL-05: cut anywhere, with a right checksum, nothing outside is read (the address sanitizer watches)
TEST(Madt, CutTables) {
    const Table good = GoodMadt();
    for (SIZE_T length = 0; length < good.size(); ++length) {
        Table cut(good.begin(), good.begin() + SIZE_T(length));
        if (length > 9) cut = Seal(cut, 9);
        HALP_APIC_INFO info;
        const bool ok = HalpParseMadt(View(cut), info);
        EXPECT_EQ(ok, length >= 44 + 3 * 8 + 12) << length;
    }
}

// HAL-05: entries of length 0 and 1 would loop for ever
TEST(Madt, ImpossibleEntryEndsTheTable) {
    for (const int length : {0, 1, 200}) {
        Table t = MadtHeader();
        Append(t, {0, length, 0, 0, 1, 0, 0, 0});
        HALP_APIC_INFO info;
        EXPECT_FALSE(HalpParseMadt(View(Seal(t, 9)), info));
        EXPECT_EQ(info.ProcessorCount, 0u);
    }
}

// HAL-05
TEST(Madt, MoreThanThereIsRoomFor) {
    Table t = MadtHeader();
    for (int i = 0; i < 100; ++i)
        Append(t, {0, 8, i, i, 1, 0, 0, 0});
    for (int i = 0; i < 10; ++i)
        Append(t, {1, 12, i, 0, 0, 0, 0xC0, 0xFE, i * 24, 0, 0, 0});
    HALP_APIC_INFO info;
    ASSERT_TRUE(HalpParseMadt(View(Seal(t, 9)), info));
    EXPECT_EQ(info.ProcessorCount, HALP_MAXIMUM_PROCESSORS);
    EXPECT_EQ(info.IoApicCount, HALP_MAXIMUM_IOAPICS);
}

// HAL-02, HAL-05: INIT to a processor that runs, or to all, would stop the system
TEST(Madt, NobodyIsNamedTwiceAndNobodyIsEverybody) {
    Table t = MadtHeader();
    for (const int id : {3, 0, 3, 0xFF, 5, 0, 5})
        Append(t, {0, 8, 0, id, 1, 0, 0, 0});
    Append(t, {1, 12, 0, 0, 0x00, 0x00, 0xC0, 0xFE, 0, 0, 0, 0});
    HALP_APIC_INFO info;
    ASSERT_TRUE(HalpParseMadt(View(Seal(t, 9)), info));
    ASSERT_EQ(info.ProcessorCount, 3u);
    EXPECT_EQ(info.ProcessorApicId[0], 3);
    EXPECT_EQ(info.ProcessorApicId[1], 0);
    EXPECT_EQ(info.ProcessorApicId[2], 5);
}

// HAL-02: the others are all but the one that asks, whether the table knows that one or not
TEST(Madt, OtherProcessors) {
    HALP_APIC_INFO info;
    HalpInitializeApicInfo(info);
    for (const int id : {4, 0, 6})
        HalpAddProcessor(info, UCHAR(id));
    EXPECT_EQ(HalpCountOtherProcessors(info, 0), 2u);
    EXPECT_EQ(HalpOtherProcessor(info, 0, 0), 4);
    EXPECT_EQ(HalpOtherProcessor(info, 0, 1), 6);
    EXPECT_EQ(HalpCountOtherProcessors(info, 9), 3u);
    EXPECT_EQ(HalpOtherProcessor(info, 9, 2), 6);
}

// HAL-05: an address and a length that go round the end of memory are not below any limit
TEST(FirmwareTables, RangesDoNotGoRound) {
    EXPECT_TRUE(HalpIsBelow(0, 16, 16));
    EXPECT_TRUE(HalpIsBelow(0x1000, 0x1000, 0x2000));
    EXPECT_FALSE(HalpIsBelow(0x1000, 0x1001, 0x2000));
    EXPECT_FALSE(HalpIsBelow(0xFFFFFFF0, 36, 0x10000000));
    EXPECT_FALSE(HalpIsBelow(0, 0xFFFFFFFF, 0x10000000));
}

// HAL-05
TEST(MpTable, ProcessorsBusAndInterrupts) {
    const Table pointer = Seal({'_', 'M', 'P', '_', 0, 0, 0, 0, 1, 4, 0, 0, 0x80, 0, 0, 0}, 10);
    Table t(44);
    t[34] = 5;
    t[38] = 0xE0, t[39] = 0xFE;
    Append(t, {0, 7, 0x14, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    Append(t, {1, 1, 'I', 'S', 'A', ' ', ' ', ' '});
    Append(t, {2, 8, 0x11, 1, 0, 0, 0xC0, 0xFE});
    Append(t, {3, 0, 0, 0, 1, 0, 8, 2});    // line 0 -> input 2
    Append(t, {3, 0, 0xF, 0, 0, 4, 8, 16}); // another bus: not an ISA line
    HALP_APIC_INFO info;
    ASSERT_TRUE(HalpParseMpTable(View(pointer), View(Seal(t, 7)), info));
    EXPECT_TRUE(info.HasImcr);
    EXPECT_EQ(info.ProcessorCount, 1u);
    EXPECT_EQ(info.ProcessorApicId[0], 7);
    EXPECT_EQ(info.IoApic[0].Id, 8);
    EXPECT_EQ(info.IsaLine[0].Input, 2u);
    EXPECT_EQ(info.IsaLine[4].Input, 4u);
}

// HAL-05: inputs are counted for each I/O APIC; an interrupt names the one that its input belongs to
TEST(MpTable, InputOfTheIoApicThatIsNamed) {
    const Table pointer = Seal({'_', 'M', 'P', '_', 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0}, 10);
    constexpr int all = 0xFF;
    Table t(44);
    t[34] = 8;
    Append(t, {0, 7, 0x14, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    Append(t, {1, 1, 'I', 'S', 'A', ' ', ' ', ' '});
    Append(t, {2, 8, 0x11, 1, 0, 0, 0xC0, 0xFE});
    Append(t, {2, 9, 0x11, 1, 0, 0x10, 0xC0, 0xFE});
    Append(t, {3, 0, 0, 0, 1, 3, 8, 3});
    Append(t, {3, 0, 0, 0, 1, 4, 9, 4});
    Append(t, {3, 0, 0, 0, 1, 5, all, 6});
    Append(t, {3, 0, 0, 0, 1, 7, 77, 9}); // nobody's
    HALP_APIC_INFO info;
    ASSERT_TRUE(HalpParseMpTable(View(pointer), View(Seal(t, 7)), info));
    EXPECT_EQ(info.IsaLine[3].Input, 3u);
    EXPECT_EQ(info.IsaLine[4].Input, info.IoApic[1].InputBase + 4);
    EXPECT_EQ(info.IsaLine[5].Input, 6u);
    EXPECT_EQ(info.IsaLine[7].Input, 7u);
}

// HAL-05: an entry count that promises more than the table holds
TEST(MpTable, LyingCount) {
    const Table pointer = Seal({'_', 'M', 'P', '_', 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0}, 10);
    Table t(44);
    t[34] = 0xFF, t[35] = 0xFF;
    Append(t, {0, 7, 0x14, 3, 0});
    HALP_APIC_INFO info;
    EXPECT_FALSE(HalpParseMpTable(View(pointer), View(Seal(t, 7)), info));
}
