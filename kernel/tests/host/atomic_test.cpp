// Interlocked operations: each is one step, whoever else works on the same word. SYH-03, EXE-02
#include "nt/atomic.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace {

constexpr int THREADS = 4;
constexpr LONG ROUNDS = 20'000;

/// Runs `body(index)` in THREADS threads at once.
template <typename Body> void Together(Body body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++)
        threads.emplace_back(body, i);
    for (std::thread& thread : threads)
        thread.join();
}

} // namespace

TEST(InterlockedTest, IncrementAndDecrementReturnTheNewValue) {
    volatile LONG value = 5;
    EXPECT_EQ(6, InterlockedIncrement(&value));
    EXPECT_EQ(5, InterlockedDecrement(&value));
    EXPECT_EQ(5, value);
}

TEST(InterlockedTest, OthersReturnTheOldValue) {
    volatile LONG value = 5;
    EXPECT_EQ(5, InterlockedExchangeAdd(&value, -7));
    EXPECT_EQ(-2, InterlockedExchange(&value, 0x0C));
    EXPECT_EQ(0x0C, InterlockedOr(&value, 0x03));
    EXPECT_EQ(0x0F, InterlockedAnd(&value, 0x06));
    EXPECT_EQ(0x06, value);
}

TEST(InterlockedTest, CompareExchangeStoresOnlyOverTheComparand) {
    volatile LONG value = 5;
    EXPECT_EQ(5, InterlockedCompareExchange(&value, 9, 4));
    EXPECT_EQ(5, value);
    EXPECT_EQ(5, InterlockedCompareExchange(&value, 9, 5));
    EXPECT_EQ(9, value);

    alignas(8) volatile LONGLONG wide = 0x1'0000'0002;
    EXPECT_EQ(0x1'0000'0002, InterlockedCompareExchange64(&wide, -1, 2)); // half of it is not enough
    EXPECT_EQ(0x1'0000'0002, wide);
    EXPECT_EQ(0x1'0000'0002, InterlockedCompareExchange64(&wide, -1, 0x1'0000'0002));
    EXPECT_EQ(-1, wide);

    int first = 0;
    int second = 0;
    int* volatile pointer = &first;
    EXPECT_EQ(&first, InterlockedCompareExchangePointer(&pointer, &second, &second));
    EXPECT_EQ(&first, InterlockedExchangePointer(&pointer, &second));
    EXPECT_EQ(&second, pointer);
}

TEST(InterlockedTest, NoIncrementIsLost) {
    volatile LONG value = 0;
    Together([&](int) {
        for (LONG i = 0; i < ROUNDS; i++)
            InterlockedIncrement(&value);
    });
    EXPECT_EQ(THREADS * ROUNDS, value);
}

TEST(InterlockedTest, EveryTicketIsDrawnOnce) {
    volatile LONG next = 0;
    std::vector<char> drawn(THREADS * ROUNDS);
    Together([&](int) {
        for (LONG i = 0; i < ROUNDS; i++)
            drawn[InterlockedExchangeAdd(&next, 1)]++;
    });
    for (const char times : drawn)
        ASSERT_EQ(1, times);
}

TEST(InterlockedTest, CompareExchangeLoopsLoseNothing) {
    alignas(8) volatile LONGLONG value = 0;
    constexpr LONGLONG step = 0x1'0000'0001; // both halves must change together
    Together([&](int) {
        for (LONG i = 0; i < ROUNDS; i++) {
            LONGLONG seen = value;
            for (LONGLONG found; (found = InterlockedCompareExchange64(&value, seen + step, seen)) != seen;
                 seen = found)
                YieldProcessor();
        }
    });
    EXPECT_EQ(THREADS * ROUNDS * step, value);
}

TEST(InterlockedTest, BitsOfSeveralWritersStay) {
    volatile LONG value = 0;
    Together([&](int index) {
        for (int bit = index; bit < 32; bit += THREADS)
            InterlockedOr(&value, LONG(1u << bit));
    });
    EXPECT_EQ(-1, value);
}

TEST(InterlockedTest, BitsAndWideWords) {
    volatile LONG value = 0;
    EXPECT_EQ(0, InterlockedBitTestAndSet(&value, 31));
    EXPECT_EQ(1, InterlockedBitTestAndSet(&value, 31));
    EXPECT_EQ(LONG(0x8000'0000), value);
    EXPECT_EQ(1, InterlockedBitTestAndReset(&value, 31));
    EXPECT_EQ(0, InterlockedBitTestAndReset(&value, 31));
    EXPECT_EQ(0, InterlockedXor(&value, 0x55));
    EXPECT_EQ(0x55, InterlockedXor(&value, 0x0F));
    EXPECT_EQ(0x5A, value);

    alignas(8) volatile LONGLONG wide = 0xFFFF'FFFF;
    EXPECT_EQ(0x1'0000'0000, InterlockedIncrement64(&wide)); // the carry reaches the upper half
    EXPECT_EQ(0xFFFF'FFFF, InterlockedDecrement64(&wide));
    EXPECT_EQ(0xFFFF'FFFF, InterlockedExchangeAdd64(&wide, 2));
    EXPECT_EQ(0x1'0000'0001, InterlockedExchange64(&wide, -5));
    EXPECT_EQ(-5, wide);

    volatile ULONG_PTR pointer = 3;
    EXPECT_EQ(ULONG_PTR(3), InterlockedCompareExchange(&pointer, ULONG_PTR(9), ULONG_PTR(4)));
    EXPECT_EQ(ULONG_PTR(3), InterlockedExchange(&pointer, ULONG_PTR(7)));
    EXPECT_EQ(ULONG_PTR(7), ReadULongPtrAcquire(&pointer));
}

TEST(InterlockedTest, WhatWasWrittenBeforeAReleaseIsSeenAfterTheAcquire) {
    for (int round = 0; round < 200; round++) {
        LONG data = 0;
        volatile LONG ready = 0;
        std::thread writer([&] {
            data = 42;
            WriteRelease(&ready, 1);
        });
        while (ReadAcquire(&ready) == 0)
            YieldProcessor();
        EXPECT_EQ(42, data);
        writer.join();
    }
}
