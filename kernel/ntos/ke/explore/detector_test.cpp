// The race detector: what it must accuse, and every kind of order that it must accept.
// SYH-01, SYH-03
#include "detector.h"

#include <gtest/gtest.h>
#include <memory>

namespace {

constexpr ULONG_PTR Data = 0x1000, Other = 0x1004, Lock = 0x2000, Flag = 0x3000;

class DetectorTest : public ::testing::Test {
protected:
    DetectorTest() {
        m_detector->Begin(nullptr);
        EXPECT_TRUE(m_detector->Track(Data, 8, "Data"));
    }
    void Access(ULONG processor, ULONG_PTR address, bool write, ULONG size = 4) {
        m_detector->Access({processor, ++m_step, address, size, write, 0x100 + m_step, 0});
    }
    void Read(ULONG processor, ULONG_PTR address = Data, ULONG size = 4) { Access(processor, address, false, size); }
    void Write(ULONG processor, ULONG_PTR address = Data, ULONG size = 4) { Access(processor, address, true, size); }
    void Acquire(ULONG processor, ULONG_PTR lock = Lock) { m_detector->Acquire(processor, lock); }
    void Release(ULONG processor, ULONG_PTR lock = Lock) { m_detector->Release(processor, lock); }
    bool IsAccused() { return m_detector->Race(&m_race); }

    const std::unique_ptr<KxDetector> m_detector = std::make_unique<KxDetector>();
    KX_RACE m_race{};
    ULONG m_step = 0;
};

} // namespace

TEST_F(DetectorTest, AccusesTwoWritesWithoutOrder) {
    Write(1);
    Write(2);
    ASSERT_TRUE(IsAccused());
    EXPECT_EQ(m_race.Address, Data);
    EXPECT_STREQ(m_race.Name, "Data");
    EXPECT_EQ(m_race.Access[0].Processor, 1u);
    EXPECT_EQ(m_race.Access[0].Step, 1u);
    EXPECT_EQ(m_race.Access[0].Pc, 0x101u);
    EXPECT_EQ(m_race.Access[1].Processor, 2u);
    EXPECT_EQ(m_race.Access[1].Write, 1u);
}

TEST_F(DetectorTest, AccusesAReadAndAWriteInBothOrders) {
    Read(1);
    Write(2);
    EXPECT_TRUE(IsAccused());
    EXPECT_EQ(m_race.Access[0].Write, 0u);

    m_detector->Begin(nullptr);
    m_detector->Track(Data, 8, "Data");
    Write(1);
    Read(2);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, TwoReadsAreNoRaceAndOneProcessorIsInOrder) {
    Read(1);
    Read(2);
    EXPECT_FALSE(IsAccused());
    Write(3, Other);
    Read(3, Other);
    Write(3, Other);
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, ALockOrders) {
    for (ULONG round = 0; round < 3; round++) {
        for (ULONG processor = 1; processor <= 3; processor++) {
            Acquire(processor);
            Read(processor);
            Write(processor);
            Release(processor);
        }
    }
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, AnotherLockDoesNot) {
    Acquire(1);
    Write(1);
    Release(1);
    Acquire(2, Lock + 64);
    Write(2);
    Release(2, Lock + 64);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, WhatComesAfterTheReleaseIsNotOrdered) {
    Acquire(1);
    Release(1);
    Write(1); // late
    Acquire(2);
    Write(2);
    Release(2);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, OrderGoesThroughAThirdProcessor) {
    Write(1);
    Release(1, Lock);
    Acquire(2, Lock);
    Release(2, Flag);
    Acquire(3, Flag);
    Write(3);
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, AStoreThatIsSeenOrdersOnUntrackedMemory) {
    Write(1);
    Write(1, Flag); // publishes
    Read(2, Flag);
    Read(2);
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, APublicationBeforeTheDataIsARace) {
    Write(1, Flag);
    Read(2, Flag);
    Write(1);
    Read(2);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, InterlockedOperationsOrderBothWays) {
    Write(1);
    m_detector->Interlocked(1, Lock);
    m_detector->Interlocked(2, Lock);
    Write(2);
    EXPECT_FALSE(IsAccused());
    m_detector->Interlocked(2, Lock);
    m_detector->Interlocked(1, Lock);
    Write(1);
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, AWordOfInterlockedOperationsIsNeverARace) {
    Write(1); // a plain access that comes before the first interlocked one is forgiven afterwards
    Read(2);
    m_detector->Interlocked(3, Data);
    EXPECT_FALSE(IsAccused());
    Write(2);
    Read(1);
    EXPECT_FALSE(IsAccused());
    Write(1, Other);
    Write(2, Other);
    EXPECT_TRUE(IsAccused()) << "its neighbour is still an ordinary word";
}

TEST_F(DetectorTest, ExemptFieldsAndUntrackedMemoryAreNotAccused) {
    m_detector->Exempt(Data, 4);
    Write(1);
    Write(2);
    Write(1, 0x5000);
    Write(2, 0x5000);
    EXPECT_FALSE(IsAccused());
    Write(1, Other);
    Write(3, Other);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, BytesOfAWordAreDifferentPlaces) {
    Write(1, Data, 1);
    Write(2, Data + 1, 1);
    Write(3, Data + 2, 2);
    EXPECT_FALSE(IsAccused());
    Write(1, Data + 3, 1);
    EXPECT_TRUE(IsAccused());
}

TEST_F(DetectorTest, AnAccessOfTwoWordsTouchesBoth) {
    Write(1, Other);
    Read(2, Data, 8);
    ASSERT_TRUE(IsAccused());
    EXPECT_EQ(m_race.Access[1].Size, 8u);
}

TEST_F(DetectorTest, ANewRunForgets) {
    Write(1);
    m_detector->Begin(nullptr);
    m_detector->Track(Data, 8, "Data");
    Write(2);
    EXPECT_FALSE(IsAccused());
}

TEST_F(DetectorTest, WithTooMuchToRememberNobodyIsAccused) {
    for (ULONG i = 0; i < 2 * KxDetector::Objects; i++)
        Release(1, 0x100000 + 8 * i);
    EXPECT_TRUE(m_detector->Overflowed());
    Write(1);
    Write(2);
    EXPECT_FALSE(IsAccused());
    m_detector->Begin(nullptr);
    EXPECT_FALSE(m_detector->Overflowed());
}

TEST_F(DetectorTest, TooManyRangesAreRefused) {
    bool room = true;
    for (ULONG i = 0; i < KxDetector::MaximumRanges; i++)
        room = m_detector->Track(0x10000 + 16 * i, 4, "more");
    EXPECT_FALSE(room);
    EXPECT_FALSE(m_detector->Track(0x90000, 4 * KxDetector::MaximumWords, "large"));
}
