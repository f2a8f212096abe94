// 64-bit division built from 32-bit steps, against the host's own, on numbers of every length.
// EXE-01
#include "int64.h"
#include "machine.h"

#include <random>

namespace {

ULONGLONG AnyLength(std::mt19937& random) {
    const ULONGLONG bits = static_cast<ULONGLONG>(random()) << 32 | random();
    const ULONGLONG shorter = bits >> (random() % 64);
    return random() % 4 ? shorter : ~shorter; // and near 2^64
}

} // namespace

TEST(Int64Test, QuotientAndRemainderAreTheHosts) {
    std::mt19937 random(host::Seed());
    for (int i = 0; i < 200'000; i++) {
        const ULONGLONG dividend = AnyLength(random);
        const ULONGLONG divisor = AnyLength(random);
        if (divisor == 0) continue;
        const nt::Division division = nt::DivideUnsigned(dividend, divisor);
        ASSERT_EQ(division.Quotient, dividend / divisor) << dividend << " / " << divisor;
        ASSERT_EQ(division.Remainder, dividend % divisor) << dividend << " % " << divisor;
        const auto a = static_cast<LONGLONG>(dividend);
        const auto b = static_cast<LONGLONG>(divisor);
        if (a == INT64_MIN && b == -1) continue; // the host's division faults
        ASSERT_EQ(nt::DivideSigned(a, b), a / b) << a << " / " << b;
        ASSERT_EQ(nt::RemainderSigned(a, b), a % b) << a << " % " << b;
    }
}

TEST(Int64Test, Corners) {
    EXPECT_EQ(nt::DivideUnsigned(~0ull, ~0ull).Quotient, 1u);
    EXPECT_EQ(nt::DivideUnsigned(~0ull, ~0ull - 1).Remainder, 1u);
    EXPECT_EQ(nt::DivideUnsigned(~0ull, 1ull << 32).Quotient, 0xFFFFFFFFu);
    EXPECT_EQ(nt::DivideUnsigned(1ull << 63, (1ull << 63) + 1).Remainder, 1ull << 63);
    EXPECT_EQ(nt::DivideSigned(INT64_MIN, 1), INT64_MIN);
    EXPECT_EQ(nt::DivideSigned(INT64_MIN, -1), INT64_MIN); // wraps, as 32-bit processors' helpers do
}
