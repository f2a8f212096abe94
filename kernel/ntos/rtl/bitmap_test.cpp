// RTL_BITMAP against a vector of bools that does the same, step by step, on random operations.
// EXE-01
#include "machine.h"
#include "rtl/bitmap.h"

#include <algorithm>
#include <random>

namespace {

constexpr ULONG GUARD_WORD = 0xA5A5A5A5;

/// A bitmap and its model. The bits behind its end and the word behind its buffer must never change.
class Pair {
public:
    explicit Pair(ULONG size) : m_model(size), m_words((size + 31) / 32 + 1, GUARD_WORD) {
        RtlInitializeBitMap(&m_bitmap, m_words.data(), size);
        RtlClearAllBits(&m_bitmap);
    }

    void Set(ULONG start, ULONG count) {
        RtlSetBits(&m_bitmap, start, count);
        std::fill_n(m_model.begin() + start, count, true);
    }
    void Clear(ULONG start, ULONG count) {
        RtlClearBits(&m_bitmap, start, count);
        std::fill_n(m_model.begin() + start, count, false);
    }
    void Compare() const {
        ULONG set = 0;
        for (ULONG i = 0; i < m_model.size(); i++) {
            ASSERT_EQ(RtlCheckBit(&m_bitmap, i), m_model[i]) << "bit " << i << " of " << m_model.size();
            set += m_model[i];
        }
        ASSERT_EQ(RtlNumberOfSetBits(&m_bitmap), set);
        ASSERT_EQ(m_words.back(), GUARD_WORD);
        const ULONG tail = m_model.size() % 32;
        if (tail) ASSERT_EQ(m_words[m_words.size() - 2] >> tail, GUARD_WORD >> tail);
    }
    /// The answer by looking at every place.
    [[nodiscard]] ULONG Expected(ULONG wanted, ULONG hint) const {
        const auto size = static_cast<ULONG>(m_model.size());
        if (wanted > size) return RTL_BITMAP_NOT_FOUND;
        if (hint >= size) hint = 0;
        if (wanted == 0) return hint / 8 * 8; // no bits are found anywhere: the public routine names the hint's byte
        for (ULONG step = 0; step < size; step++) {
            const ULONG start = (hint + step) % size;
            if (wanted > size - start) continue;
            const auto from = m_model.begin() + start;
            if (std::find(from, from + wanted, true) == from + wanted) return start;
        }
        return RTL_BITMAP_NOT_FOUND;
    }
    RTL_BITMAP* Get() { return &m_bitmap; }
    [[nodiscard]] ULONG Size() const { return static_cast<ULONG>(m_model.size()); }

private:
    std::vector<bool> m_model;
    std::vector<ULONG> m_words;
    RTL_BITMAP m_bitmap{};
};

} // namespace

TEST(BitmapTest, DoesWhatTheModelDoes) {
    std::mt19937 random(host::Seed());
    for (ULONG size : {1u, 31u, 32u, 33u, 64u, 100u, 257u}) {
        Pair pair(size);
        for (int i = 0; i < 300; i++) {
            const ULONG start = random() % size;
            const ULONG count = random() % (size - start + 1);
            random() % 3 ? pair.Set(start, count / 2) : pair.Clear(start, count);
            pair.Compare();
            const ULONG wanted = random() % (random() % 4 ? 8 : size + 2);
            const ULONG hint = random() % (size + 4);
            const ULONG expected = pair.Expected(wanted, hint);
            ASSERT_EQ(RtlFindClearBits(pair.Get(), wanted, hint), expected) << "find " << wanted << " from " << hint;
        }
    }
}

TEST(BitmapTest, FindAndSetTakesWhatItFound) {
    Pair pair(70);
    pair.Set(0, 35);
    EXPECT_EQ(RtlFindClearBitsAndSet(pair.Get(), 30, 0), 35u);
    EXPECT_EQ(RtlFindClearBitsAndSet(pair.Get(), 6, 0), RTL_BITMAP_NOT_FOUND);
    EXPECT_EQ(RtlFindClearBitsAndSet(pair.Get(), 5, 69), 65u);
    EXPECT_EQ(RtlNumberOfSetBits(pair.Get()), 70u);
}

TEST(BitmapTest, AllBitsMeansThoseOfTheBitmap) {
    Pair pair(45);
    RtlSetAllBits(pair.Get());
    EXPECT_EQ(RtlNumberOfSetBits(pair.Get()), 45u);
    pair.Set(0, 45);
    pair.Compare();
}

TEST(BitmapTest, RangesBeyondTheEndAreContractsBroken) {
    Pair pair(45);
    EXPECT_THROW(RtlSetBits(pair.Get(), 40, 6), host::BrokenAssertion);
    EXPECT_THROW(RtlClearBits(pair.Get(), 46, 0), host::BrokenAssertion);
    EXPECT_THROW((void)RtlCheckBit(pair.Get(), 45), host::BrokenAssertion);
}

TEST(BitmapTest, NoBitsAreFoundAtTheHintsByte) {
    Pair pair(45);
    pair.Set(0, 45);
    EXPECT_EQ(RtlFindClearBits(pair.Get(), 0, 21), 16u);
    EXPECT_EQ(RtlFindClearBits(pair.Get(), 0, 45), 0u);
    EXPECT_EQ(RtlFindClearBitsAndSet(pair.Get(), 0, 44), 40u);
    pair.Compare();
}
