// The one-second thread: when duties run, in what order, and how they go away.
#include "ex/onesecond.h"
#include "ex/expwork.h"
#include "waits.h"

using namespace host;

namespace {

constexpr LONGLONG Second = 100; ///< ticks

class OneSecondTest : public KernelTest {
protected:
    void RunWithDuties(const std::function<void()>& body) {
        Run([&] {
            Self = this;
            static constexpr EX_THREAD_SOURCE source = {Create};
            ASSERT_TRUE(ExInitializeThreads(&source));
            body();
        });
    }
    static NTSTATUS NTAPI Create(PCSTR, KPRIORITY priority, PKSTART_ROUTINE routine, PVOID context) {
        Self->machine->Spawn(priority, [=] { routine(context); });
        return STATUS_SUCCESS;
    }
    static inline OneSecondTest* Self;
};

struct Duty {
    EX_ONE_SECOND_DUTY Entry;
    std::function<void()> Body;
    explicit Duty(std::function<void()> body) : Entry{Call, this, {}}, Body(std::move(body)) {}
    static void NTAPI Call(PVOID context) { static_cast<Duty*>(context)->Body(); }
};

} // namespace

// SYS-12
TEST_F(OneSecondTest, DutiesRunOnceASecondInTheOrderOfRegistration) {
    RunWithDuties([&] {
        std::string order;
        std::vector<ULONG> ticks;
        Duty a([&] {
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
            order += 'a';
            ticks.push_back(+KeTickCount.LowPart);
        });
        Duty b([&] { order += 'b'; });
        ExRegisterOneSecondDuty(&a.Entry);
        ExRegisterOneSecondDuty(&b.Entry);
        Sleep(3 * Second + 50);
        EXPECT_EQ(order, "ababab");
        EXPECT_EQ(ticks, (std::vector<ULONG>{100, 200, 300}));
        ExUnregisterOneSecondDuty(&a.Entry);
        Sleep(Second);
        EXPECT_EQ(order, "abababb");
    });
}

// SYS-12
TEST_F(OneSecondTest, DutyMayUnregisterItselfOrAnother) {
    RunWithDuties([&] {
        std::string order;
        Duty c([&] { order += 'c'; });
        Duty a([&] {
            order += 'a';
            ExUnregisterOneSecondDuty(&a.Entry);
            ExUnregisterOneSecondDuty(&c.Entry);
        });
        Duty b([&] { order += 'b'; });
        ExRegisterOneSecondDuty(&a.Entry);
        ExRegisterOneSecondDuty(&b.Entry);
        ExRegisterOneSecondDuty(&c.Entry);
        Sleep(2 * Second + 50);
        EXPECT_EQ(order, "abb");
    });
}

// SYS-12
TEST_F(OneSecondTest, UnregisteringWaitsForADutyThatRuns) {
    RunWithDuties([&] {
        std::string order;
        Duty slow([&] {
            order += '(';
            Sleep(20);
            order += ')';
        });
        ExRegisterOneSecondDuty(&slow.Entry);
        Sleep(Second + 5);
        EXPECT_EQ(order, "(");
        ExUnregisterOneSecondDuty(&slow.Entry);
        EXPECT_EQ(order, "()");
    });
}

// SYS-12: seconds do not drift, and those that went by during a long duty are not made up for
TEST_F(OneSecondTest, LateDutiesAreDoneOnce) {
    RunWithDuties([&] {
        std::vector<ULONG> ticks;
        Duty slow([&] {
            ticks.push_back(+KeTickCount.LowPart);
            if (ticks.size() == 1) Sleep(3 * Second + 30);
        });
        ExRegisterOneSecondDuty(&slow.Entry);
        Sleep(6 * Second + 50);
        EXPECT_EQ(ticks, (std::vector<ULONG>{100, 430, 500, 600}));
    });
}
