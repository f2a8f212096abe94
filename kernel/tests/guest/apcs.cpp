// APCs on the real machine, on one processor and on several: order, moments, regions, waits, suspension, termination,
// attachment. INT-10, INT-11
#include "hal.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr KPRIORITY Below = 6; // the tests' own thread runs at 8 or above
constexpr KPRIORITY Above = 12;

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

NTSTATUS Wait(PVOID object, LONG milliseconds = 2000) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
}

/// What the APCs of a test did, in order: a letter each.
struct LOG {
    char Text[32];
    volatile LONG Length;
    void Add(char letter) {
        const LONG at = InterlockedIncrement(&Length) - 1;
        if (at < LONG(sizeof(Text)) - 1) Text[at] = letter;
    }
};

bool Same(const LOG& log, const char* expected) {
    ULONG i = 0;
    for (; expected[i]; i++)
        if (log.Text[i] != expected[i]) return false;
    return log.Text[i] == 0;
}

/// An APC that notes its letter: in the kernel routine if special, else in the normal routine (and lower case before).
struct NOTE {
    KAPC Apc;
    LOG* Log;
    char Letter;
    bool RightPlace; ///< thread and IRQL were as they must be

    static void NTAPI KernelRoutine(PKAPC apc, PKNORMAL_ROUTINE* normal, PVOID*, PVOID*, PVOID*) {
        NOTE* const note = CONTAINING_RECORD(apc, NOTE, Apc);
        note->RightPlace = KeGetCurrentThread() == apc->Thread && KeGetCurrentIrql() == APC_LEVEL && !apc->Inserted;
        note->Log->Add(*normal ? char(note->Letter + 'a' - 'A') : note->Letter);
    }
    static void NTAPI NormalRoutine(PVOID context, PVOID, PVOID) {
        NOTE* const note = static_cast<NOTE*>(context);
        if (KeGetCurrentIrql() != PASSIVE_LEVEL) note->RightPlace = false;
        note->Log->Add(note->Letter);
    }
    static void NTAPI Rundown(PKAPC) {}

    void Make(KTHREAD* thread, LOG* log, char letter, bool special) {
        Log = log;
        Letter = letter;
        RightPlace = false;
        KeInitializeApc(&Apc, thread, OriginalApcEnvironment, KernelRoutine, Rundown, special ? nullptr : NormalRoutine,
                        KernelMode, this);
    }
    bool Queue() { return KeInsertQueueApc(&Apc, nullptr, nullptr, 0); }
};

/// A thread that does nothing in `Body`'s way until it is told to stop.
struct TARGET {
    PETHREAD Thread;
    volatile LONG Stop;
    volatile LONG Rounds;
    KEVENT Event;
    NTSTATUS Status;

    void Start(PKSTART_ROUTINE body, KPRIORITY priority = Below, KAFFINITY affinity = 0) {
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        Stop = 0;
        Rounds = 0;
        Status = STATUS_UNSUCCESSFUL;
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&Thread, "Target", priority, body, this));
        if (affinity) KeSetAffinityThread(&Thread->Tcb, affinity);
    }
    void Join() {
        GUEST_EQUAL(STATUS_SUCCESS, Wait(Thread));
        PsDereferenceThread(Thread);
    }
};

void NTAPI WaitForEvent(PVOID context) {
    auto& target = *static_cast<TARGET*>(context);
    target.Status = KeWaitForSingleObject(&target.Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

void NTAPI Spin(PVOID context) {
    auto& target = *static_cast<TARGET*>(context);
    while (!target.Stop) {
        target.Rounds = target.Rounds + 1;
        YieldProcessor();
    }
}

void NTAPI Slumber(PVOID context) {
    auto& target = *static_cast<TARGET*>(context);
    while (!target.Stop) {
        target.Rounds = target.Rounds + 1;
        Sleep(10);
    }
}

/// The last processor: another one than the test's, if there are several.
KAFFINITY LastProcessor() { return KAFFINITY(1) << (KeNumberProcessors - 1); }

} // namespace

// INT-10, INT-11
GUEST_TEST(SpecialApcsRunFirstEachKindInOrder) {
    LOG log{};
    NOTE notes[4];
    KTHREAD* const self = KeGetCurrentThread();
    const KIRQL old = KfRaiseIrql(APC_LEVEL);
    for (ULONG i = 0; i < 4; i++) { // A and C normal, B and D special
        notes[i].Make(self, &log, char('A' + i), i % 2 == 1);
        GUEST_TRUE(notes[i].Queue());
        GUEST_TRUE(!notes[i].Queue());
    }
    GUEST_EQUAL(0, log.Length);
    KfLowerIrql(old);
    GUEST_TRUE(Same(log, "BDaAcC"));
    for (const NOTE& note : notes)
        GUEST_TRUE(note.RightPlace);
}

// INT-11
GUEST_TEST(WaitIsInterruptedAndGoesOn) {
    LOG log{};
    NOTE special, normal;
    TARGET target;
    target.Start(WaitForEvent);
    Sleep(20);
    special.Make(&target.Thread->Tcb, &log, 'S', true);
    normal.Make(&target.Thread->Tcb, &log, 'N', false);
    GUEST_TRUE(special.Queue());
    GUEST_TRUE(normal.Queue());
    Sleep(20);
    GUEST_TRUE(Same(log, "SnN"));
    GUEST_TRUE(special.RightPlace && normal.RightPlace);
    GUEST_EQUAL(STATUS_UNSUCCESSFUL, target.Status); // the wait goes on
    KeSetEvent(&target.Event, 0, FALSE);
    target.Join();
    GUEST_EQUAL(STATUS_SUCCESS, target.Status);
}

// INT-11
GUEST_TEST(TimeOutIsNotCountedAnewAfterAnApc) {
    struct SLEEPER {
        static void NTAPI Body(PVOID context) {
            auto& target = *static_cast<TARGET*>(context);
            LARGE_INTEGER timeout = KeRelativeMilliseconds(100);
            const ULONGLONG begin = KeQueryInterruptTime();
            target.Status = KeWaitForSingleObject(&target.Event, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
            target.Rounds = LONG((KeQueryInterruptTime() - begin) / 10'000);
        }
    };
    LOG log{};
    NOTE note;
    TARGET target;
    target.Start(SLEEPER::Body);
    note.Make(&target.Thread->Tcb, &log, 'S', true);
    for (int i = 0; i < 3; i++) {
        Sleep(20);
        GUEST_TRUE(note.Queue());
    }
    target.Join();
    GUEST_EQUAL(STATUS_TIMEOUT, target.Status);
    GUEST_EQUAL(3, log.Length);
    GUEST_TRUE(target.Rounds >= 100 && target.Rounds < 140);
}

// INT-10, INT-11, HAL-08: a thread that runs on another processor, or is ready behind this one, takes it at once
GUEST_TEST(RunningThreadTakesItWithoutAWait) {
    LOG log{};
    NOTE special, normal;
    TARGET target;
    target.Start(Spin, Below, LastProcessor());
    Sleep(30);
    GUEST_TRUE(target.Rounds != 0);
    special.Make(&target.Thread->Tcb, &log, 'S', true);
    normal.Make(&target.Thread->Tcb, &log, 'N', false);
    GUEST_TRUE(special.Queue());
    GUEST_TRUE(normal.Queue());
    if (KeNumberProcessors > 1) {
        // By the interrupt, not by a clock tick: 2 ms are less than one.
        for (int i = 0; i < 20 && log.Length != 3; i++)
            KeStallExecutionProcessor(100);
    } else {
        Sleep(20);
    }
    GUEST_TRUE(Same(log, "SnN"));
    GUEST_TRUE(special.RightPlace && normal.RightPlace);
    target.Stop = 1;
    target.Join();
}

// INT-10, INT-11, INT-15, HAL-08: whatever the target does meanwhile, every APC runs exactly once for each time it was queued
GUEST_TEST(NoneIsLostFromManyProcessors) {
    constexpr LONG Queues = 400; // by each sender
    struct SENDER {
        KAPC Special, Normal;
        TARGET* Target;
        PETHREAD Thread;
        volatile LONG Queued, Ran;

        static void NTAPI KernelRoutine(PKAPC apc, PKNORMAL_ROUTINE* normal, PVOID*, PVOID* sender, PVOID*) {
            if (!*normal) InterlockedIncrement(&static_cast<SENDER*>(*sender)->Ran);
        }
        static void NTAPI NormalRoutine(PVOID, PVOID sender, PVOID) {
            InterlockedIncrement(&static_cast<SENDER*>(sender)->Ran);
        }
        static void NTAPI Rundown(PKAPC) { GUEST_TRUE(!"an APC was left when its thread ended"); }
        static void NTAPI Body(PVOID context) {
            auto& self = *static_cast<SENDER*>(context);
            while (self.Queued < Queues) {
                if (KeInsertQueueApc(&self.Special, &self, nullptr, 0)) InterlockedIncrement(&self.Queued);
                if (KeInsertQueueApc(&self.Normal, &self, nullptr, 0)) InterlockedIncrement(&self.Queued);
                KeStallExecutionProcessor(20);
                if (self.Queued % 16 == 0) (void)KeSetEvent(&self.Target->Event, 0, FALSE);
            }
        }
        /// Waits, waits with a time-out, regions, turns given away: by turns.
        static void NTAPI TargetBody(PVOID context) {
            auto& target = *static_cast<TARGET*>(context);
            for (LONG round = 0; !target.Stop; round++) {
                const LONG kind = round % 5;
                if (kind == 1) KeEnterCriticalRegion();
                if (kind == 2) KeEnterGuardedRegion();
                LARGE_INTEGER timeout = KeRelativeMilliseconds(10);
                (void)KeWaitForSingleObject(&target.Event, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
                if (kind == 3) (void)KeYieldExecution();
                if (kind == 4) KeStallExecutionProcessor(100);
                if (kind == 2) KeLeaveGuardedRegion();
                if (kind == 1) KeLeaveCriticalRegion();
                target.Rounds = round;
            }
        }
    };
    static SENDER senders[3];
    TARGET target;
    target.Start(SENDER::TargetBody, Below + 1); // above its senders: they go on when it waits
    KTHREAD* const thread = &target.Thread->Tcb;
    for (ULONG i = 0; i < 3; i++) {
        SENDER& sender = senders[i];
        sender.Target = &target;
        sender.Queued = 0;
        sender.Ran = 0;
        KeInitializeApc(&sender.Special, thread, OriginalApcEnvironment, SENDER::KernelRoutine, SENDER::Rundown,
                        nullptr, KernelMode, nullptr);
        KeInitializeApc(&sender.Normal, thread, OriginalApcEnvironment, SENDER::KernelRoutine, SENDER::Rundown,
                        SENDER::NormalRoutine, KernelMode, nullptr);
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&sender.Thread, "Sender", Below, SENDER::Body, &sender));
        KeSetAffinityThread(&sender.Thread->Tcb, KAFFINITY(1) << (i % ULONG(KeNumberProcessors)));
    }
    for (SENDER& sender : senders) {
        GUEST_EQUAL(STATUS_SUCCESS, Wait(sender.Thread, 20'000));
        PsDereferenceThread(sender.Thread);
    }
    for (int i = 0; i < 100 && (senders[0].Special.Inserted || senders[0].Normal.Inserted); i++)
        Sleep(10);
    Sleep(50);
    target.Stop = 1;
    target.Join();
    for (const SENDER& sender : senders) {
        GUEST_TRUE(sender.Queued >= Queues);
        GUEST_EQUAL(LONG(sender.Queued), LONG(sender.Ran));
    }
}

// INT-15
GUEST_TEST(RegionsHoldBackAndTheirEndDelivers) {
    LOG log{};
    NOTE normal, special;
    KTHREAD* const self = KeGetCurrentThread();
    normal.Make(self, &log, 'N', false);
    special.Make(self, &log, 'S', true);
    {
        nt::CriticalRegionGuard region;
        GUEST_TRUE(KeAreApcsDisabled() && !KeAreAllApcsDisabled());
        GUEST_TRUE(normal.Queue());
        GUEST_TRUE(special.Queue());
        Sleep(20);
        GUEST_TRUE(Same(log, "S"));
    }
    GUEST_TRUE(Same(log, "SnN"));
    log = {};
    {
        nt::GuardedRegionGuard region;
        GUEST_TRUE(KeAreAllApcsDisabled());
        GUEST_TRUE(normal.Queue());
        GUEST_TRUE(special.Queue());
        Sleep(20);
        GUEST_EQUAL(0, log.Length);
    }
    GUEST_TRUE(Same(log, "SnN"));
    GUEST_TRUE(!KeAreApcsDisabled());
}

// INT-12
GUEST_TEST(AlertableWaitsEndForAlertsAndUserApcs) {
    KTHREAD* const self = KeGetCurrentThread();
    KEVENT event;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    LARGE_INTEGER timeout = KeRelativeMilliseconds(10);
    const auto wait = [&](KPROCESSOR_MODE mode, BOOLEAN alertable) {
        return KeWaitForSingleObject(&event, KWAIT_REASON::UserRequest, mode, alertable, &timeout);
    };
    LOG log{};
    NOTE user;
    user.Make(self, &log, 'U', false);
    user.Apc.ApcMode = UserMode;
    GUEST_TRUE(user.Queue());
    GUEST_EQUAL(STATUS_TIMEOUT, wait(UserMode, FALSE));
    GUEST_EQUAL(STATUS_TIMEOUT, wait(KernelMode, TRUE));
    GUEST_EQUAL(STATUS_USER_APC, wait(UserMode, TRUE));
    GUEST_TRUE(KeRemoveQueueApc(&user.Apc));
    GUEST_EQUAL(0, log.Length);

    GUEST_TRUE(!KeAlertThread(self, KernelMode));
    GUEST_EQUAL(STATUS_TIMEOUT, wait(KernelMode, FALSE));
    GUEST_EQUAL(STATUS_ALERTED, wait(KernelMode, TRUE));
    GUEST_EQUAL(STATUS_TIMEOUT, wait(KernelMode, TRUE));
}

// INT-14
GUEST_TEST(SuspendedThreadStandsStill) {
    const PKSTART_ROUTINE bodies[] = {Spin, Slumber};
    for (const PKSTART_ROUTINE body : bodies) {
        TARGET target;
        target.Start(body, Below, LastProcessor());
        Sleep(30);
        GUEST_EQUAL(0u, KeSuspendThread(&target.Thread->Tcb));
        Sleep(20);
        const LONG before = target.Rounds;
        GUEST_TRUE(before != 0);
        Sleep(50);
        GUEST_EQUAL(before, target.Rounds);
        GUEST_EQUAL(1u, KeResumeThread(&target.Thread->Tcb));
        Sleep(50);
        GUEST_TRUE(target.Rounds > before);
        target.Stop = 1;
        target.Join();
    }
}

// INT-14
GUEST_TEST(SuspendingTooOftenRaises) {
    TARGET target;
    target.Start(WaitForEvent);
    for (ULONG i = 0; i < 127; i++)
        (void)KeSuspendThread(&target.Thread->Tcb);
    NTSTATUS raised = STATUS_SUCCESS;
    __try {
        (void)KeSuspendThread(&target.Thread->Tcb);
    } __except (raised = GetExceptionCode(), EXCEPTION_EXECUTE_HANDLER) {}
    GUEST_EQUAL(STATUS_SUSPEND_COUNT_EXCEEDED, raised);
    GUEST_EQUAL(127u, KeForceResumeThread(&target.Thread->Tcb));
    KeSetEvent(&target.Event, 0, FALSE);
    target.Join();
}

// INT-14
GUEST_TEST(ThreadIsEndedWhereverItIs) {
    const PKSTART_ROUTINE bodies[] = {WaitForEvent, Spin, Slumber};
    for (const PKSTART_ROUTINE body : bodies) {
        for (int suspended = 0; suspended < 2; suspended++) {
            TARGET target;
            target.Start(body, Below, LastProcessor());
            Sleep(20);
            if (suspended) (void)KeSuspendThread(&target.Thread->Tcb);
            GUEST_EQUAL(STATUS_SUCCESS, PspTerminateThreadByPointer(target.Thread, STATUS_ALERTED));
            GUEST_EQUAL(STATUS_SUCCESS, Wait(target.Thread));
            GUEST_EQUAL(STATUS_ALERTED, target.Thread->ExitStatus);
            GUEST_EQUAL(STATUS_UNSUCCESSFUL, target.Status);
            GUEST_EQUAL(STATUS_THREAD_IS_TERMINATING, PspTerminateThreadByPointer(target.Thread, STATUS_SUCCESS));
            GUEST_TRUE(IsListEmpty(&target.Event.Header.WaitListHead));
            PsDereferenceThread(target.Thread);
        }
    }
}

// INT-14, INT-15: it may hold what others need
GUEST_TEST(ThreadIsNotEndedInACriticalRegion) {
    struct OWNER {
        static void NTAPI Body(PVOID context) {
            auto& target = *static_cast<TARGET*>(context);
            KeEnterCriticalRegion();
            target.Rounds = 1;
            (void)KeWaitForSingleObject(&target.Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            target.Rounds = 2;
            KeLeaveCriticalRegion();
            target.Rounds = 3;
        }
    };
    TARGET target;
    target.Start(OWNER::Body);
    Sleep(20);
    GUEST_EQUAL(STATUS_SUCCESS, PspTerminateThreadByPointer(target.Thread, STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_TIMEOUT, Wait(target.Thread, 50));
    GUEST_EQUAL(1, target.Rounds);
    KeSetEvent(&target.Event, 0, FALSE);
    target.Join();
    GUEST_EQUAL(2, target.Rounds); // the region was finished, and nothing after it
}

// INT-14, INT-15
GUEST_TEST_BUGCHECK(EndingInACriticalRegionIsABugcheck, KERNEL_APC_PENDING_DURING_EXIT) {
    struct CARELESS {
        static void NTAPI Body(PVOID) { KeEnterCriticalRegion(); }
    };
    TARGET target;
    target.Start(CARELESS::Body, Above);
    Sleep(1000);
}

// KPR-06, INT-10
GUEST_TEST(ApcsFollowTheAddressSpace) {
    KTHREAD* const self = KeGetCurrentThread();
    static KPROCESS other;
    ULONG_PTR directory[2] = {self->Process->DirectoryTableBase[0], 0}; // the same pages, another process
    KeInitializeProcess(&other, 8, ~KAFFINITY(0), directory);
    LOG log{};
    NOTE own, there;
    own.Make(self, &log, 'O', true);
    there.Make(self, &log, 'T', true);
    there.Apc.ApcStateIndex = AttachedApcEnvironment;
    KAPC_STATE saved;
    KeStackAttachProcess(&other, &saved);
    GUEST_TRUE(KeIsAttachedProcess());
    GUEST_TRUE(own.Queue());
    GUEST_TRUE(there.Queue());
    Sleep(20);
    GUEST_TRUE(Same(log, "T"));
    KeUnstackDetachProcess(&saved);
    GUEST_TRUE(Same(log, "TO"));
    GUEST_EQUAL(self->Process, self->ApcState.Process);
    GUEST_EQUAL(0, other.ActiveProcessors);
}

// DSP-07, DSP-08, KPR-12: threads of one process come and go on all processors; its last one signals it
GUEST_TEST(ProcessIsSignaledWhenItsLastThreadEnds) {
    constexpr ULONG Workers = 12;
    struct WORKER {
        KTHREAD Tcb;
        volatile LONG* Done;
        static void NTAPI Startup(PKSTART_ROUTINE, PVOID context) {
            auto& worker = *static_cast<WORKER*>(context);
            KfLowerIrql(PASSIVE_LEVEL);
            Sleep(1 + LONG(reinterpret_cast<ULONG_PTR>(&worker) / sizeof(WORKER) % 5));
            InterlockedIncrement(worker.Done);
            KeTerminateThread(0);
        }
    };
    static KPROCESS process;
    static WORKER workers[Workers];
    alignas(16) static UCHAR stacks[Workers][8192];
    ULONG_PTR directory[2] = {KeGetCurrentThread()->Process->DirectoryTableBase[0], 0};
    KeInitializeProcess(&process, 8, ~KAFFINITY(0), directory);
    for (int round = 0; round < 5; round++) {
        volatile LONG done = 0;
        process.Header.SignalState = 0;
        GUEST_EQUAL(STATUS_TIMEOUT, Wait(&process, 1));
        for (ULONG i = 0; i < Workers; i++) {
            workers[i].Done = &done;
            KeInitializeThread(&workers[i].Tcb, stacks[i + 1], stacks[i], WORKER::Startup, nullptr, &workers[i],
                               &process);
            workers[i].Tcb.IdealProcessor = UCHAR(i % ULONG(KeNumberProcessors));
        }
        for (WORKER& worker : workers)
            KeReadyThread(&worker.Tcb);
        GUEST_EQUAL(STATUS_SUCCESS, Wait(&process));
        GUEST_EQUAL(LONG(Workers), done); // not before the last
        for (WORKER& worker : workers) {
            GUEST_EQUAL(STATUS_SUCCESS, Wait(&worker.Tcb, 0));
            while (worker.Tcb.SwapBusy)
                YieldProcessor();
        }
        GUEST_TRUE(IsListEmpty(&process.ThreadListHead));
        GUEST_EQUAL(0u, process.StackCount);
    }
}
