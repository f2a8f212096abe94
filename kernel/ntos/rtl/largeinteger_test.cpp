// Arithmetic on 64-bit numbers by its Rtl names, against the host's own.
// EXE-01
#include "rtl/largeinteger.h"

#include <gtest/gtest.h>
#include <random>

namespace {

LARGE_INTEGER Large(LONGLONG value) { return {.QuadPart = value}; }

} // namespace

TEST(LargeIntegerTest, AnswersAreTheHosts) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 20'000; i++) {
        const auto a = static_cast<LONGLONG>(random() >> random() % 64) * (random() % 2 ? 1 : -1);
        const auto b = static_cast<LONGLONG>(random() >> random() % 64);
        const auto ua = static_cast<ULONGLONG>(a);
        const auto ub = static_cast<ULONGLONG>(b);
        const auto l = static_cast<LONG>(b);
        const auto u = static_cast<ULONG>(b);
        const auto bits = static_cast<CHAR>(random() % 64);
        ASSERT_EQ(ULONGLONG(RtlLargeIntegerAdd(Large(a), Large(b)).QuadPart), ua + ub);
        ASSERT_EQ(ULONGLONG(RtlLargeIntegerSubtract(Large(a), Large(b)).QuadPart), ua - ub);
        ASSERT_EQ(ULONGLONG(RtlLargeIntegerNegate(Large(a)).QuadPart), 0 - ua);
        ASSERT_EQ(ULONGLONG(RtlLargeIntegerShiftLeft(Large(a), bits).QuadPart), ua << bits);
        ASSERT_EQ(ULONGLONG(RtlLargeIntegerShiftRight(Large(a), bits).QuadPart), ua >> bits);
        ASSERT_EQ(RtlLargeIntegerArithmeticShift(Large(a), bits).QuadPart, a >> bits);
        ASSERT_EQ(RtlEnlargedIntegerMultiply(static_cast<LONG>(a), l).QuadPart, LONGLONG(static_cast<LONG>(a)) * l);
        ASSERT_EQ(ULONGLONG(RtlEnlargedUnsignedMultiply(static_cast<ULONG>(a), u).QuadPart),
                  ULONGLONG(static_cast<ULONG>(a)) * u);
        ASSERT_EQ(ULONGLONG(RtlExtendedIntegerMultiply(Large(a), l).QuadPart), ua * ULONGLONG(LONGLONG(l)));
        if (u == 0 || b == 0) continue;
        ULONG rest = 0;
        ASSERT_EQ(ULONGLONG(RtlExtendedLargeIntegerDivide(Large(a), u, &rest).QuadPart), ua / u);
        ASSERT_EQ(rest, ua % u);
        ASSERT_EQ(RtlEnlargedUnsignedDivide({.QuadPart = ua}, u, &rest), static_cast<ULONG>(ua / u));
        ASSERT_EQ(rest, ua % u);
        if (a == INT64_MIN && b == -1) continue;
        LARGE_INTEGER remainder;
        ASSERT_EQ(RtlLargeIntegerDivide(Large(a), Large(b), &remainder).QuadPart, a / b);
        ASSERT_EQ(remainder.QuadPart, a % b);
    }
    EXPECT_EQ(RtlConvertLongToLargeInteger(-5).QuadPart, -5);
    EXPECT_EQ(RtlConvertUlongToLargeInteger(0xFFFFFFFB).QuadPart, 0xFFFFFFFBLL);
    EXPECT_EQ(RtlLargeIntegerDivide(Large(7), Large(2), nullptr).QuadPart, 3);
    EXPECT_EQ(RtlExtendedLargeIntegerDivide(Large(7), 2, nullptr).QuadPart, 3);
    EXPECT_EQ(RtlEnlargedUnsignedDivide({.QuadPart = 7}, 2, nullptr), 3u);
}

TEST(LargeIntegerTest, TheReciprocalDivides) {
    // 2^(64 + 13) / 10000, rounded up: units of 100 ns to milliseconds
    const LARGE_INTEGER magic = Large(static_cast<LONGLONG>(0xD1B71758E219652C));
    std::mt19937_64 random(4);
    for (int i = 0; i < 20'000; i++) {
        const auto units = static_cast<LONGLONG>(random() >> (2 + random() % 60));
        ASSERT_EQ(RtlExtendedMagicDivide(Large(units), magic, 13).QuadPart, units / 10'000) << units;
        ASSERT_EQ(RtlExtendedMagicDivide(Large(-units), magic, 13).QuadPart, -(units / 10'000)) << units;
    }
}
