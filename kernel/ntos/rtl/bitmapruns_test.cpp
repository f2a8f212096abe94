// Runs of bits against a look at every place, on random bitmaps.
// EXE-01
#include "rtl/bitmap.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {

/// A bitmap with long and short runs. The bits behind its end are of both kinds and must not count.
class Runs {
public:
    Runs(std::mt19937& random, ULONG size) : m_words(size / 32 + 2), m_bits(size) {
        for (ULONG& word : m_words)
            word = ULONG(random());
        RtlInitializeBitMap(&Header, m_words.data(), size);
        for (ULONG start = 0; start < size;) {
            const ULONG length = std::min<ULONG>(random() % (random() % 2 ? 5 : 70) + 1, size - start);
            const bool set = random() % 2;
            set ? RtlSetBits(&Header, start, length) : RtlClearBits(&Header, start, length);
            std::fill_n(m_bits.begin() + start, length, set);
            start += length;
        }
    }
    [[nodiscard]] std::vector<RTL_BITMAP_RUN> Clear() const {
        std::vector<RTL_BITMAP_RUN> runs;
        for (ULONG i = 0; i < m_bits.size(); i++) {
            if (m_bits[i]) continue;
            if (runs.empty() || runs.back().StartingIndex + runs.back().NumberOfBits != i) runs.push_back({i, 0});
            runs.back().NumberOfBits++;
        }
        return runs;
    }
    [[nodiscard]] bool AreAll(ULONG start, ULONG length, bool set) const {
        if (length == 0 || start + length > m_bits.size()) return false;
        return std::all_of(m_bits.begin() + start, m_bits.begin() + start + length, [set](bool b) { return b == set; });
    }
    [[nodiscard]] ULONG FirstSet(ULONG wanted, ULONG hint) const {
        for (ULONG step = 0; step < m_bits.size(); step++) {
            const ULONG start = (hint + step) % ULONG(m_bits.size());
            if (AreAll(start, wanted, true)) return start;
        }
        return RTL_BITMAP_NOT_FOUND;
    }
    [[nodiscard]] bool Bit(ULONG index) const { return m_bits[index]; }

    RTL_BITMAP Header{};

private:
    std::vector<ULONG> m_words;
    std::vector<bool> m_bits;
};

bool Same(const RTL_BITMAP_RUN& a, const RTL_BITMAP_RUN& b) {
    return a.StartingIndex == b.StartingIndex && a.NumberOfBits == b.NumberOfBits;
}

} // namespace

TEST(BitmapRunsTest, RunsAreThoseOfTheModel) {
    std::mt19937 random(5);
    for (int i = 0; i < 2000; i++) {
        const ULONG size = random() % 300 + 1;
        Runs runs(random, size);
        const std::vector<RTL_BITMAP_RUN> expected = runs.Clear();
        RTL_BITMAP_RUN found[64];
        const ULONG room = random() % 8;
        const ULONG count = RtlFindClearRuns(&runs.Header, found, room, FALSE);
        ASSERT_EQ(count, std::min<ULONG>(room, ULONG(expected.size())));
        for (ULONG k = 0; k < count; k++)
            ASSERT_TRUE(Same(found[k], expected[k]));

        std::vector<RTL_BITMAP_RUN> longest = expected;
        std::stable_sort(longest.begin(), longest.end(),
                         [](const auto& a, const auto& b) { return a.NumberOfBits > b.NumberOfBits; });
        ASSERT_EQ(RtlFindClearRuns(&runs.Header, found, room, TRUE), count);
        for (ULONG k = 0; k < count; k++)
            ASSERT_TRUE(Same(found[k], longest[k]));
        ULONG start = 99;
        ASSERT_EQ(RtlFindLongestRunClear(&runs.Header, &start), longest.empty() ? 0 : longest[0].NumberOfBits);
        ASSERT_EQ(start, longest.empty() ? 0 : longest[0].StartingIndex);
        ASSERT_EQ(RtlFindFirstRunClear(&runs.Header, &start), expected.empty() ? 0 : expected[0].NumberOfBits);
        ASSERT_EQ(start, expected.empty() ? 0 : expected[0].StartingIndex);
    }
}

TEST(BitmapRunsTest, SearchesBeginWhereTheyAreTold) {
    std::mt19937 random(6);
    for (int i = 0; i < 2000; i++) {
        const ULONG size = random() % 200 + 1;
        Runs runs(random, size);
        const ULONG from = random() % (size + 3);
        RTL_BITMAP_RUN ahead = {from, 0};
        RTL_BITMAP_RUN behind = {from, 0};
        for (const RTL_BITMAP_RUN& run : runs.Clear()) {
            const ULONG end = run.StartingIndex + run.NumberOfBits;
            if (from < size && ahead.NumberOfBits == 0 && end > from)
                ahead = {std::max(from, run.StartingIndex), end - std::max(from, run.StartingIndex)};
            if (from < size && run.StartingIndex <= from)
                behind = {run.StartingIndex, std::min(end, from + 1) - run.StartingIndex};
        }
        ULONG start = 99;
        ASSERT_EQ(RtlFindNextForwardRunClear(&runs.Header, from, &start), ahead.NumberOfBits);
        ASSERT_EQ(start, ahead.StartingIndex);
        ASSERT_EQ(RtlFindLastBackwardRunClear(&runs.Header, from, &start), behind.NumberOfBits);
        ASSERT_EQ(start, behind.StartingIndex);
        const ULONG length = random() % 12;
        ASSERT_EQ(RtlAreBitsClear(&runs.Header, from, length), runs.AreAll(from, length, false));
        ASSERT_EQ(RtlAreBitsSet(&runs.Header, from, length), runs.AreAll(from, length, true));
        ASSERT_EQ(RtlAreBitsSet(&runs.Header, 1, ~0u), FALSE) << "no overflow";
        ASSERT_EQ(RtlNumberOfClearBits(&runs.Header) + RtlNumberOfSetBits(&runs.Header), size);
        const ULONG wanted = random() % 9 + 1;
        const ULONG hint = random() % size;
        const ULONG place = runs.FirstSet(wanted, hint);
        ASSERT_EQ(RtlFindSetBits(&runs.Header, wanted, hint), place) << wanted << " from " << hint;
        if (place == RTL_BITMAP_NOT_FOUND) continue;
        ASSERT_EQ(RtlFindSetBitsAndClear(&runs.Header, wanted, hint), place);
        ASSERT_TRUE(RtlAreBitsClear(&runs.Header, place, wanted));
    }
}

TEST(BitmapRunsTest, SingleBits) {
    ULONG words[2] = {};
    RTL_BITMAP bitmap;
    RtlInitializeBitMap(&bitmap, words, 40);
    RtlSetBit(&bitmap, 33);
    EXPECT_EQ(words[1], 2u);
    EXPECT_TRUE(RtlTestBit(&bitmap, 33));
    EXPECT_FALSE(RtlTestBit(&bitmap, 32));
    RtlClearBit(&bitmap, 33);
    EXPECT_EQ(words[1], 0u);
    EXPECT_EQ(RtlFindSetBits(&bitmap, 1, 0), RTL_BITMAP_NOT_FOUND);
    EXPECT_EQ(RtlFindSetBits(&bitmap, 0, 21), 16u) << "no bits are found at the hint's byte, as clear ones are";
}

TEST(BitmapRunsTest, HighestAndLowestBit) {
    EXPECT_EQ(RtlFindMostSignificantBit(0), -1);
    EXPECT_EQ(RtlFindLeastSignificantBit(0), -1);
    for (int bit = 0; bit < 64; bit++) {
        EXPECT_EQ(RtlFindMostSignificantBit(1ull << bit | 1), bit);
        EXPECT_EQ(RtlFindLeastSignificantBit(1ull << bit | 1ull << 63), bit);
    }
}
