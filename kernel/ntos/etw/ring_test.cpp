// The event ring: order, wrap-around, and what a reader may rely on.
//
// The fake machine records events in its own way, so the ring is compiled here under other names.
// EXE-03
#define EtwTraceEvent TracedForTest
#define KeGetPcr PcrForTest
#include "ring.cpp"
#undef EtwTraceEvent
#undef KeGetPcr

#include <gtest/gtest.h>
#include <vector>

static KPCR TestPcr;
KPCR* PcrForTest() { return &TestPcr; }

namespace {

class EventRingTest : public testing::Test {
protected:
    static constexpr ULONG Size = 2048;
    EventRingTest() : m_records(2 * Size) {
        EtwSequence = 0;
        for (ETW_RING& ring : EtwRing)
            ring = {};
        TestPcr = {};
    }
    ~EventRingTest() override {
        for (ETW_RING& ring : EtwRing)
            ring = {};
    }
    void Start(UCHAR number) { EtwInitializeProcessor(number, &m_records[number * Size], Size); }
    static void Trace(UCHAR processor, ULONG value) {
        TestPcr.Number = processor;
        TestPcr.Irql = KIRQL{5};
        TracedForTest(ETW_EVENT::Mark, value, value + 1, value + 2, value + 3);
    }

    std::vector<ETW_RECORD> m_records;
};

} // namespace

TEST_F(EventRingTest, RecordSaysWhatHappenedWhereAndAtWhichIrql) {
    Start(1);
    Trace(1, 70);
    const ETW_RECORD& record = EtwRing[1].Records[0];
    EXPECT_EQ(record.Event, ETW_EVENT::Mark);
    EXPECT_EQ(record.Processor, 1);
    EXPECT_EQ(record.Irql, 5);
    EXPECT_EQ(record.Sequence, 1u);
    for (ULONG i = 0; i < 4; i++)
        EXPECT_EQ(record.Argument[i], 70 + i);
    EXPECT_EQ(EtwRing[1].Next, 1u);
    EXPECT_EQ(EtwRing[1].Size, +Size);
}

TEST_F(EventRingTest, ProcessorWithoutARingDropsItsEvents) {
    Start(0);
    Trace(1, 1);
    EXPECT_EQ(EtwSequence, 0);
    EXPECT_EQ(EtwRing[1].Next, 0u);
}

TEST_F(EventRingTest, SequenceOrdersAllProcessors) {
    Start(0);
    Start(1);
    for (ULONG i = 0; i < 10; i++)
        Trace(i % 3 == 0, i);
    std::vector<ULONG> order(10);
    for (const ETW_RING& ring : {EtwRing[0], EtwRing[1]}) {
        for (ULONG i = 0; i < ring.Next; i++)
            order.at(ring.Records[i].Sequence - 1) = ring.Records[i].Argument[0];
    }
    for (ULONG i = 0; i < 10; i++)
        EXPECT_EQ(order[i], i);
}

TEST_F(EventRingTest, ForgetsTheOldest) {
    Start(0);
    constexpr ULONG written = Size + 100;
    for (ULONG i = 0; i < written; i++)
        Trace(0, i);
    const ETW_RING& ring = EtwRing[0];
    EXPECT_EQ(ring.Next, written);
    for (ULONG back = 1; back <= Size; back++) {
        const ETW_RECORD& record = ring.Records[(ring.Next - back) % Size];
        ASSERT_EQ(record.Sequence, written - back + 1);
        ASSERT_EQ(record.Argument[0], written - back);
    }
}

TEST(EventRingSize, FollowsTheAmountOfMemory) {
    constexpr ULONG pagesPerMb = 256;
    EXPECT_EQ(EtwQueryRingSize(8 * pagesPerMb, 0), 1024u);
    EXPECT_EQ(EtwQueryRingSize(16 * pagesPerMb, 0), 2048u);
    EXPECT_EQ(EtwQueryRingSize(32 * pagesPerMb, 0), 16384u);
    EXPECT_EQ(EtwQueryRingSize(917'504, 0), 16384u); // 3.5 GB
    for (ULONG megabytes = 8; megabytes <= 3584; megabytes++) {
        const ULONG pages = megabytes * pagesPerMb;
        EXPECT_LE(4 * EtwQueryRingSize(pages, 0) * sizeof(ETW_RECORD) / PAGE_SIZE, pages / 8) << megabytes << " MB";
    }
}

TEST(EventRingSize, IsThePowerOfTwoBelowWhatIsWanted) {
    for (ULONG memory : {2048u, 65'536u}) {
        EXPECT_EQ(EtwQueryRingSize(memory, 1), ETW_FEWEST_RECORDS);
        EXPECT_EQ(EtwQueryRingSize(memory, 4095), 2048u);
        EXPECT_EQ(EtwQueryRingSize(memory, 4096), 4096u);
        EXPECT_EQ(EtwQueryRingSize(memory, ~0u), ETW_MOST_RECORDS);
    }
}
