// Processes: their flags, which others change at the same time.
#include "ke/ki.h"
#include "waits.h"

#include <thread>

using namespace host;
using ProcessTest = KernelTest;

// KPR-14
TEST_F(ProcessTest, FlagsOfAProcessAreIndependent) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(8);
        EXPECT_FALSE(KeSetAutoAlignmentProcess(process, TRUE));
        EXPECT_FALSE(KeSetDisableBoostProcess(process, TRUE));
        EXPECT_FALSE(KeSetDisableQuantumProcess(process, TRUE));
        EXPECT_EQ(process->ProcessFlags, 0b111);
        EXPECT_TRUE(KeSetDisableBoostProcess(process, FALSE));
        EXPECT_EQ(process->ProcessFlags, KPROCESS_AUTO_ALIGNMENT | KPROCESS_DISABLE_QUANTUM);
        EXPECT_FALSE(KeSetDisableBoostProcess(process, FALSE));
        EXPECT_TRUE(KeSetAutoAlignmentProcess(process, FALSE));
        EXPECT_EQ(process->ProcessFlags, 0b100);
    });
}

// KPR-14: four real threads, each changing its own flag; a plain read, change and write would lose some
TEST(ProcessFlagsTest, ChangesOfOtherFlagsAreNotLost) {
    static KPROCESS process;
    process.ProcessFlags = 0;
    bool lost = false;
    const auto toggle = [&](BOOLEAN(NTAPI * set)(PKPROCESS, BOOLEAN)) {
        for (int i = 0; i < 50'000; i++) {
            if (set(&process, TRUE)) lost = true; // nobody else sets this flag
            if (!set(&process, FALSE)) lost = true;
        }
    };
    std::thread a(toggle, KeSetAutoAlignmentProcess), b(toggle, KeSetDisableBoostProcess);
    toggle(KeSetDisableQuantumProcess);
    a.join();
    b.join();
    EXPECT_FALSE(lost);
    EXPECT_EQ(process.ProcessFlags, 0);
}
