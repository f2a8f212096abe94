// The frame chain on stacks made by hand: good ones and every way in which one can be bad.
// TRP-09, TOL-07
#include "machine.h"
#include "rtl/exception.h"

#include <random>

namespace {

constexpr ULONG_PTR CANARY = 0xC0DEC0DE;

/// A stack of words. Frames are given by their index.
class Stack {
public:
    explicit Stack(ULONG words) : m_words(words) {}

    [[nodiscard]] ULONG_PTR At(ULONG index) const { return reinterpret_cast<ULONG_PTR>(m_words.data() + index); }
    [[nodiscard]] ULONG_PTR End() const { return At(static_cast<ULONG>(m_words.size())); }
    void Lay(ULONG index, ULONG_PTR caller, ULONG_PTR returnAddress) {
        m_words[index] = caller;
        m_words[index + 1] = returnAddress;
    }
    /// What a walk from word `from` stores, in a result array that ends in canaries.
    [[nodiscard]] std::vector<ULONG_PTR> Walk(ULONG_PTR frame, ULONG count, ULONG_PTR low, ULONG_PTR high) const {
        std::vector<PVOID> callers(count + 2, reinterpret_cast<PVOID>(CANARY));
        const ULONG stored = RtlWalkFrames(callers.data(), count, frame, low, high);
        EXPECT_LE(stored, count);
        std::vector<ULONG_PTR> result;
        for (ULONG i = 0; i < callers.size(); i++) {
            const auto word = reinterpret_cast<ULONG_PTR>(callers[i]);
            if (i < stored) {
                result.push_back(word);
            } else {
                EXPECT_EQ(word, CANARY) << "entry " << i << " was written, " << stored << " were stored";
            }
        }
        return result;
    }
    [[nodiscard]] std::vector<ULONG_PTR> Walk(ULONG from, ULONG count = 8) const {
        return Walk(At(from), count, At(0), End());
    }

private:
    std::vector<ULONG_PTR> m_words;
};

using Addresses = std::vector<ULONG_PTR>;

/// Frames at 2, 6 and 10 with return addresses 100, 200, 300; the last one's caller is given.
Stack Three(ULONG_PTR last) {
    Stack stack(20);
    stack.Lay(2, stack.At(6), 100);
    stack.Lay(6, stack.At(10), 200);
    stack.Lay(10, last, 300);
    return stack;
}

} // namespace

TEST(FrameChainTest, StoresReturnAddressesInnermostFirst) {
    EXPECT_EQ(Three(0).Walk(2), (Addresses{100, 200, 300}));
    EXPECT_EQ(Three(0).Walk(6), (Addresses{200, 300}));
}

TEST(FrameChainTest, StoresAtMostCount) {
    EXPECT_EQ(Three(0).Walk(2, 2), (Addresses{100, 200}));
    EXPECT_EQ(Three(0).Walk(2, 0), Addresses{});
    EXPECT_EQ(RtlWalkFrames(nullptr, 0, 0, 0, 0), 0u);
}

TEST(FrameChainTest, LastPairMayTouchTheTopOfTheStack) {
    Stack stack(20);
    stack.Lay(2, stack.At(18), 100);
    stack.Lay(18, 0, 200);
    EXPECT_EQ(stack.Walk(2), (Addresses{100, 200}));
    EXPECT_EQ(stack.Walk(stack.At(2), 8, stack.At(0), stack.At(19)), (Addresses{100})); // only half of it is inside
    EXPECT_EQ(stack.Walk(stack.At(2), 8, stack.At(2), stack.End()), (Addresses{100, 200}));
    EXPECT_EQ(stack.Walk(stack.At(2), 8, stack.At(3), stack.End()), Addresses{}); // below the stack
}

TEST(FrameChainTest, EndsAtABadCaller) {
    Stack probe(20); // only for its addresses' shape
    for (const ULONG_PTR bad : {ULONG_PTR(0), ULONG_PTR(1), ~ULONG_PTR(0), ~ULONG_PTR(0) - 3, ~ULONG_PTR(0) - 7})
        EXPECT_EQ(Three(bad).Walk(2), (Addresses{100, 200, 300})) << bad;
    Stack stack(20);
    stack.Lay(2, stack.At(6) + 1, 100); // misaligned
    stack.Lay(6, 0, 200);
    EXPECT_EQ(stack.Walk(2), (Addresses{100}));
}

TEST(FrameChainTest, EndsWhereTheChainTurnsBack) {
    Stack stack(20);
    stack.Lay(2, stack.At(6), 100);
    stack.Lay(6, stack.At(6), 200); // points to itself
    EXPECT_EQ(stack.Walk(2), (Addresses{100, 200}));
    stack.Lay(6, stack.At(2), 200); // goes round in a circle
    EXPECT_EQ(stack.Walk(2), (Addresses{100, 200}));
}

TEST(FrameChainTest, RandomStacksNeverLeadOutside) {
    std::mt19937 random(host::Seed());
    for (int round = 0; round < 2000; round++) {
        Stack stack(64); // the address sanitizer watches its ends
        for (ULONG i = 0; i < 64; i += 2) {
            const ULONG_PTR target = random() % 2 ? stack.At(random() % 70) : stack.At(0) + random() % 600 - 40;
            stack.Lay(i, target, i);
        }
        (void)stack.Walk(stack.At(random() % 64) + (random() % 4 ? 0 : random() % 8), 80, stack.At(0), stack.End());
    }
}
