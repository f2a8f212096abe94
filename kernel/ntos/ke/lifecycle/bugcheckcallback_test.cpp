// Bugcheck callbacks: who is called, in which order, and where the round ends.
#include "ke/ki/bugcheckcallback.h"
#include "debugoutput.h"
#include "machine.h"

using BugCheckCallbackTest = host::KernelTest;

namespace {

using STATE = KBUGCHECK_BUFFER_DUMP_STATE;
constexpr auto SECONDARY = KBUGCHECK_CALLBACK_REASON::KbCallbackSecondaryDumpData;

std::string Order;
const UCHAR* Name(const char* text) { return reinterpret_cast<const UCHAR*>(text); }

void NTAPI Note(PVOID buffer, ULONG length) { Order += std::string(static_cast<char*>(buffer), length); }

struct Record : KBUGCHECK_CALLBACK_RECORD {
    explicit Record(char letter) : Letter(letter) { KeInitializeCallbackRecord(this); }
    bool Register() { return KeRegisterBugCheckCallback(this, Note, &Letter, 1, Name("driver")); }
    char Letter;
};

void NTAPI AddData(KBUGCHECK_CALLBACK_REASON reason, KBUGCHECK_REASON_CALLBACK_RECORD*, PVOID data, ULONG length) {
    EXPECT_EQ(reason, SECONDARY);
    ASSERT_EQ(length, sizeof(KBUGCHECK_SECONDARY_DUMP_DATA));
    auto& secondary = *static_cast<KBUGCHECK_SECONDARY_DUMP_DATA*>(data);
    ASSERT_GE(secondary.InBufferLength, 3u);
    memcpy(secondary.InBuffer, "\x01\x02\xFF", 3);
    secondary.OutBuffer = secondary.InBuffer;
    secondary.OutBufferLength = 3;
    Order += "+";
}

} // namespace

// TRP-09
TEST_F(BugCheckCallbackTest, TheLastOneIsCalledFirstAndEachOnce) {
    Run([&] {
        Order.clear();
        Record a('a'), b('b'), c('c');
        EXPECT_TRUE(a.Register() && b.Register() && c.Register());
        EXPECT_FALSE(b.Register()) << "registered already";
        EXPECT_TRUE(KeDeregisterBugCheckCallback(&b));
        EXPECT_FALSE(KeDeregisterBugCheckCallback(&b));
        EXPECT_EQ(KiCallBugCheckCallbacks(), 2u);
        EXPECT_EQ(Order, "ca");
        EXPECT_TRUE(a.State == STATE::BufferFinished && b.State == STATE::BufferEmpty);
        EXPECT_EQ(KiCallBugCheckCallbacks(), 0u) << "a second bugcheck calls nobody again";
        a.State = c.State = STATE::BufferInserted;
        EXPECT_TRUE(KeDeregisterBugCheckCallback(&a) && KeDeregisterBugCheckCallback(&c));
    });
}

// TRP-09
TEST_F(BugCheckCallbackTest, AnOverwrittenRecordEndsTheRound) {
    Run([&] {
        Order.clear();
        host::DebugOutput.clear();
        Record a('a'), b('b'), c('c');
        EXPECT_TRUE(a.Register() && b.Register() && c.Register());
        b.Length = 2;
        EXPECT_EQ(KiCallBugCheckCallbacks(), 1u);
        EXPECT_EQ(Order, "c");
        EXPECT_NE(host::DebugOutput.find("overwritten"), std::string::npos);
        b.Length = 1;
        b.Entry.Blink = &a.Entry;
        c.State = STATE::BufferInserted;
        EXPECT_EQ(KiCallBugCheckCallbacks(), 1u) << "a link that does not lead back";
        b.Entry.Blink = &c.Entry;
        c.State = STATE::BufferInserted;
        EXPECT_TRUE(KeDeregisterBugCheckCallback(&a) && KeDeregisterBugCheckCallback(&b) &&
                    KeDeregisterBugCheckCallback(&c));
    });
}

// TRP-09
TEST_F(BugCheckCallbackTest, DataOfADriverIsShown) {
    Run([&] {
        Order.clear();
        host::DebugOutput.clear();
        KBUGCHECK_REASON_CALLBACK_RECORD record, dump;
        KeInitializeCallbackRecord(&record);
        KeInitializeCallbackRecord(&dump);
        EXPECT_FALSE(KeRegisterBugCheckReasonCallback(&record, AddData, KBUGCHECK_CALLBACK_REASON(1), Name("disk")));
        EXPECT_TRUE(KeRegisterBugCheckReasonCallback(&record, AddData, SECONDARY, Name("disk")));
        EXPECT_TRUE(KeRegisterBugCheckReasonCallback(&dump, AddData, KBUGCHECK_CALLBACK_REASON::KbCallbackDumpIo,
                                                     Name("dump")));
        KiCallBugCheckCallbacks();
        EXPECT_EQ(Order, "+") << "there is no dump yet";
        EXPECT_NE(host::DebugOutput.find("disk: 3 bytes of data 01 02 ff"), std::string::npos) << host::DebugOutput;
        record.State = dump.State = STATE::BufferInserted;
        EXPECT_TRUE(KeDeregisterBugCheckReasonCallback(&record) && KeDeregisterBugCheckReasonCallback(&dump));
    });
}
