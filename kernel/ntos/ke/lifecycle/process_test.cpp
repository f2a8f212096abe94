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
    volatile LONG lost = 0;
    volatile LONG running = 0;
    const auto toggle = [&](BOOLEAN(NTAPI * set)(PKPROCESS, BOOLEAN)) {
        InterlockedIncrement(&running);
        while (running < 3)
            std::this_thread::yield();                     // together, or they would come one after the other
        for (int i = 0; i < 4'000'000 && lost == 0; i++) { // long enough for several turns on two processors
            const bool wasSet = set(&process, TRUE), stayedSet = set(&process, FALSE);
            if (wasSet || !stayedSet) InterlockedIncrement(&lost); // nobody else changes this flag
        }
    };
    std::thread a(toggle, KeSetAutoAlignmentProcess), b(toggle, KeSetDisableBoostProcess);
    toggle(KeSetDisableQuantumProcess);
    a.join();
    b.join();
    EXPECT_EQ(lost, 0);
    EXPECT_EQ(process.ProcessFlags, 0);
}
