// Attaching to another process, and the APCs of the two address spaces. PRC-11
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using AttachTest = KernelTest;

namespace {

/// An APC that notes in which process it runs.
struct Noted : Apc {
    std::vector<KPROCESS*> Where;
    explicit Noted(KAPC_ENVIRONMENT environment, bool special = true)
        : Apc(Self(), [this] { Where.push_back(Self().ApcState.Process); }) {
        Make(Self(), special ? nullptr : RunNormal, KernelMode, environment);
    }
};

} // namespace

// KPR-06, INT-10
TEST_F(AttachTest, ApcOfTheOwnProcessWaitsForTheDetach) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        KAPC_STATE saved;
        Noted own(OriginalApcEnvironment), there(AttachedApcEnvironment), now(InsertApcEnvironment);
        EXPECT_FALSE(KeIsAttachedProcess());
        KeStackAttachProcess(other, &saved);
        EXPECT_TRUE(KeIsAttachedProcess());
        own.Queue();
        there.Queue();
        now.Queue();
        EXPECT_TRUE(own.Where.empty());
        EXPECT_EQ(there.Where, std::vector<KPROCESS*>{other});
        EXPECT_EQ(now.Where, std::vector<KPROCESS*>{other});
        KeUnstackDetachProcess(&saved);
        EXPECT_FALSE(KeIsAttachedProcess());
        EXPECT_EQ(own.Where, std::vector<KPROCESS*>{&machine->SystemProcess});
        now.Queue();
        EXPECT_EQ(now.Where.back(), other) << "its environment was fixed when it was queued first";
    });
}

// INT-10
TEST_F(AttachTest, CurrentEnvironmentIsThatOfTheMaking) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        KAPC_STATE saved;
        KeStackAttachProcess(other, &saved);
        Noted apc(CurrentApcEnvironment);
        EXPECT_EQ(apc.Object.ApcStateIndex, AttachedApcEnvironment);
        KeUnstackDetachProcess(&saved);
        Noted later(CurrentApcEnvironment);
        EXPECT_EQ(later.Object.ApcStateIndex, OriginalApcEnvironment);
    });
}

// KPR-06
TEST_F(AttachTest, AttachmentsNest) {
    Run([&] {
        KPROCESS* const first = machine->MakeProcess(8);
        KPROCESS* const second = machine->MakeProcess(8);
        KAPC_STATE a, b, c;
        Noted own(OriginalApcEnvironment);
        KeStackAttachProcess(first, &a);
        KeStackAttachProcess(second, &b);
        EXPECT_EQ(machine->LoadedDirectory, second->DirectoryTableBase[0]);
        KeStackAttachProcess(second, &c); // there already
        const ULONG loads = machine->DirectoryLoads;
        KeUnstackDetachProcess(&c);
        EXPECT_EQ(machine->DirectoryLoads, loads);
        own.Queue();
        KeUnstackDetachProcess(&b);
        EXPECT_EQ(Self().ApcState.Process, first);
        EXPECT_EQ(machine->LoadedDirectory, first->DirectoryTableBase[0]);
        EXPECT_TRUE(own.Where.empty());
        KeUnstackDetachProcess(&a);
        EXPECT_EQ(own.Where, std::vector<KPROCESS*>{&machine->SystemProcess});
        EXPECT_EQ(machine->SystemProcess.ActiveProcessors, 1);
        EXPECT_EQ(first->ActiveProcessors | second->ActiveProcessors, 0);
    });
}

// KPR-06, INT-10: what was queued for the own process before, and in the middle of a normal APC
TEST_F(AttachTest, QueuedApcsMoveWithTheirState) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        Noted special(OriginalApcEnvironment), normal(OriginalApcEnvironment, false);
        Apc user(
            Self(), nullptr, [] {}, UserMode);
        KAPC_STATE saved;
        user.Queue();
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        normal.Queue();
        special.Queue();
        KeStackAttachProcess(other, &saved);
        KfLowerIrql(old);
        EXPECT_TRUE(special.Where.empty() && normal.Where.empty());
        EXPECT_TRUE(KeRemoveQueueApc(&user.Object)) << "it can be taken back from where it is now";
        KeUnstackDetachProcess(&saved);
        EXPECT_EQ(special.Where.size(), 1u);
        EXPECT_EQ(normal.Where.size(), 1u);
        EXPECT_TRUE(IsListEmpty(&Self().ApcState.ApcListHead[ULONG(UserMode)]));
    });
}

// KPR-06
TEST_F(AttachTest, NormalApcMayAttachAndTakeNormalApcsThere) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        Noted there(AttachedApcEnvironment, false);
        bool attached = false;
        Apc outer(Self(), nullptr, [&] {
            KAPC_STATE saved;
            KeStackAttachProcess(other, &saved);
            there.Queue();
            attached = there.Where.size() == 1;
            KeUnstackDetachProcess(&saved);
            EXPECT_TRUE(Self().ApcState.KernelApcInProgress);
        });
        outer.Queue();
        EXPECT_TRUE(attached);
    });
}

// KPR-06
TEST_F(AttachTest, DetachDeliversWhatIsQueuedForTheOtherProcessFirst) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        KPROCESS* where = nullptr;
        KAPC_STATE saved;
        KeStackAttachProcess(other, &saved);
        Apc apc(Self(), [&] { where = Self().ApcState.Process; });
        apc.Make(Self(), nullptr, KernelMode, AttachedApcEnvironment);
        const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        apc.Queue();
        KeGetPcr()->IRR = 0; // as if the thread had been moved to a processor that was not asked yet
        KeGetPcr()->Irql = old;
        KeUnstackDetachProcess(&saved);
        EXPECT_EQ(where, other);
    });
}

// KPR-06: a thread at PASSIVE_LEVEL may go on elsewhere at any moment, so it asks nothing of "its" processor
TEST_F(AttachTest, ThreadThatMayMoveAttachesOnAnyProcessor) {
    Run(
        [&] {
            KPROCESS* const other = machine->MakeProcess(8);
            KAPC_STATE saved;
            KeStackAttachProcess(other, &saved);
            KeUnstackDetachProcess(&saved);
            KeAttachProcess(other);
            KeDetachProcess();
        },
        2);
}

// KPR-06
TEST_F(AttachTest, AttachingInADpcIsABugcheck) {
    RunUntilBugCheck(INVALID_PROCESS_ATTACH_ATTEMPT, [&] {
        KDPC dpc;
        KeInitializeDpc(
            &dpc,
            [](KDPC*, PVOID process, PVOID, PVOID) {
                KAPC_STATE saved;
                KeStackAttachProcess(static_cast<KPROCESS*>(process), &saved);
            },
            machine->MakeProcess(8));
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
    });
    EXPECT_EQ(machine->Stopped().Parameter[3], 1u);
}

// KPR-06
TEST_F(AttachTest, MisuseIsABugcheck) {
    RunUntilBugCheck(INVALID_PROCESS_ATTACH_ATTEMPT, [&] {
        KeAttachProcess(machine->MakeProcess(8));
        KeAttachProcess(machine->MakeProcess(8));
    });
    RunUntilBugCheck(INVALID_PROCESS_DETACH_ATTEMPT, [&] {
        KAPC_STATE saved;
        KeStackAttachProcess(machine->MakeProcess(8), &saved);
        Noted there(AttachedApcEnvironment, false);
        KeEnterCriticalRegion();
        there.Queue(); // cannot run, and would be lost
        KeUnstackDetachProcess(&saved);
    });
}

// KPR-06
TEST_F(AttachTest, OlderPairAttachesOnce) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        KeAttachProcess(&machine->SystemProcess); // nothing to do
        EXPECT_FALSE(KeIsAttachedProcess());
        KeAttachProcess(other);
        KeAttachProcess(other);
        EXPECT_EQ(Self().ApcState.Process, other);
        KeDetachProcess();
        EXPECT_EQ(Self().ApcState.Process, &machine->SystemProcess);
        KeDetachProcess();
        EXPECT_EQ(machine->DirectoryLoads, 2u);
    });
}

// INT-10: what is taken back from an attachment that another one interrupted says nothing about that other one
TEST_F(AttachTest, RemovedApcOfAnInterruptedAttachmentLeavesTheOthersPending) {
    Run([&] {
        KAPC_STATE a, b;
        Noted first(AttachedApcEnvironment), second(AttachedApcEnvironment);
        const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        KeStackAttachProcess(machine->MakeProcess(8), &a);
        first.Queue();
        KeStackAttachProcess(machine->MakeProcess(8), &b);
        second.Queue();
        EXPECT_TRUE(Self().ApcState.KernelApcPending);
        EXPECT_TRUE(KeRemoveQueueApc(&first.Object));
        EXPECT_TRUE(Self().ApcState.KernelApcPending);
        KfLowerIrql(old);
        EXPECT_EQ(second.Where.size(), 1u);
        KeUnstackDetachProcess(&b);
        KeUnstackDetachProcess(&a);
        EXPECT_TRUE(first.Where.empty());
    });
}
