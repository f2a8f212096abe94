// Semaphores.
#include "waits.h"

#include <algorithm>

using namespace host;
using SemaphoreTest = KernelTest;

// DSP-05
TEST_F(SemaphoreTest, EveryUnitReleasesOneWaiter) {
    Run([&] {
        KSEMAPHORE semaphore;
        KeInitializeSemaphore(&semaphore, 0, 10);
        int released = 0;
        for (int i = 0; i < 3; i++) {
            machine->Spawn(9, [&] {
                Await(&semaphore);
                released++;
            });
        }
        EXPECT_EQ(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 0);
        EXPECT_EQ(released, 2);
        EXPECT_EQ(KeReadStateSemaphore(&semaphore), 0);
        KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
        EXPECT_EQ(released, 3);
        EXPECT_EQ(KeReadStateSemaphore(&semaphore), 1);
    });
}

// DSP-05
TEST_F(SemaphoreTest, CountLimitsHowManyAreInside) {
    Run([&] {
        KSEMAPHORE semaphore;
        KeInitializeSemaphore(&semaphore, 2, 2);
        int inside = 0, most = 0;
        std::vector<Thread*> threads;
        for (int i = 0; i < 6; i++) {
            threads.push_back(machine->Spawn(9, [&] {
                Await(&semaphore);
                most = std::max(most, ++inside);
                Sleep(2);
                inside--;
                KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
            }));
        }
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(most, 2);
        EXPECT_EQ(KeReadStateSemaphore(&semaphore), 2);
    });
}

// DSP-05
TEST_F(SemaphoreTest, PassingTheLimitRaisesAndChangesNothing) {
    Run([&] {
        KSEMAPHORE semaphore;
        KeInitializeSemaphore(&semaphore, 3, 5);
        for (LONG adjustment : {3, 1000, 0x7FFF'FFFF, -1}) {
            try {
                KeReleaseSemaphore(&semaphore, 0, adjustment, FALSE);
                ADD_FAILURE() << "expected STATUS_SEMAPHORE_LIMIT_EXCEEDED for " << adjustment;
            } catch (const RaisedStatus& raised) {
                EXPECT_EQ(Code(raised.Status), Code(STATUS_SEMAPHORE_LIMIT_EXCEEDED));
            }
            EXPECT_EQ(KeReadStateSemaphore(&semaphore), 3);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        }
        EXPECT_EQ(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 3);
    });
}
