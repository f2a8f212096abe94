"""Every exercise under thousands of schedules: what no order of steps may break.  The scenarios are in races_*.cpp."""

from __future__ import annotations

from grader.api import test

from .hints import HINTS

LIMIT = 4_000_000_000  # the budget below ends an exploration; this only ends what hangs
BUDGET = 60_000_000  # guest instructions: about a thousand schedules, a second of one core


def explored(t, hint: str, *scenarios: str) -> None:
    """The hint says what the scenario asks of every schedule: it was written before the run, and names no cause."""
    for scenario in scenarios:
        t.explore(scenario, budget=BUDGET, expected="no order of steps breaks it",
                  hint=t.hint(hint, f"This must hold under every schedule; see in the timeline whether it is what broke. {HINTS[hint]}"))


@test("3.1", points=2, title="a DPC runs once for each time that it was queued", features=("INT-05", "INT-06"), limit=LIMIT, explore=True)
def race_dpc_runs_once(t):
    explored(t, "race-dpc", "DpcRunsOncePerQueueing", "DpcRunsUnlessRemoved")


@test("3.1", points=2, title="a DPC misses no work that comes while it runs", features=("INT-05",), limit=LIMIT, explore=True)
def race_dpc_misses_nothing(t):
    explored(t, "race-dpc-missed", "DpcMissesNoWork")
    explored(t, "race-dpc-asks", "DpcBehindTheLastAsks")


@test("3.1", points=1, title="what comes while the IRQL falls is delivered", features=("INT-02", "INT-05"), limit=LIMIT, explore=True)
def race_falling_irql(t):
    explored(t, "race-falling", "FallingIrqlMissesNothing")


@test("3.2", points=2, title="a spin lock excludes", features=("SYH-05", "SYH-01"), limit=LIMIT, explore=True)
def race_spin_lock(t):
    explored(t, "race-lock", "SpinLockExcludes", "TriedLockExcludes")
    explored(t, "race-lock-order", "SpinLockOrders")


@test("3.2", points=2, title="an in-stack queued lock excludes and loses no processor", features=("SYH-08",), limit=LIMIT, explore=True)
def race_in_stack_lock(t):
    explored(t, "race-queued-lock", "InStackLockExcludes")


@test("3.2", points=2, title="a numbered queued lock excludes and loses no processor", features=("SYH-07",), limit=LIMIT, explore=True)
def race_queued_lock(t):
    explored(t, "race-queued-lock", "QueuedLockExcludes")


@test("3.2", points=2, title="an interlocked list keeps its entries", features=("SYH-04", "SYH-03"), limit=LIMIT, explore=True)
def race_list(t):
    explored(t, "race-list-link", "ListLinksBeforeItShows")
    explored(t, "race-list", "ListSurvivesAba", "ListKeepsItsEntries")


@test("3.3", points=2, title="a signal is not lost between the test and the sleep, nor counted twice", features=("DSP-02", "DSP-03", "DSP-12"),
      limit=LIMIT, explore=True)
def race_signal_is_not_lost(t):
    explored(t, "race-signal", "SignalIsNotLost")
    explored(t, "race-account", "EventKeepsItsAccount")


@test("3.3", points=2, title="a notification event releases all, however they come", features=("DSP-02", "DSP-14"), limit=LIMIT, explore=True)
def race_notification_releases_all(t):
    explored(t, "race-all-waiters", "NotificationReleasesAll")


@test("3.3", points=2, title="a synchronization event lets one in", features=("DSP-03", "DSP-17"), limit=LIMIT, explore=True)
def race_event_lets_one_in(t):
    explored(t, "race-one-in", "EventLetsOneIn")


@test("3.4", points=2, title="a wait for all takes all together", features=("DSP-13", "DSP-14", "ERR-06"), limit=LIMIT, explore=True)
def race_all_takes_together(t):
    explored(t, "race-together", "AllTakesTogether")


@test("3.4", points=2, title="test and sleep are one step, and a wait for any takes one", features=("DSP-13", "DSP-14"), limit=LIMIT, explore=True)
def race_any_takes_one(t):
    explored(t, "race-signal", "SignalIsNotLost")
    explored(t, "race-any", "AnyTakesOne")


@test("3.4", points=2, title="signal and time-out meet: one ends the wait, and a wait for all has taken all or nothing",
      features=("DSP-13", "DSP-16", "INT-09"), limit=LIMIT, explore=True)
def race_timeout_or_signal(t):
    explored(t, "race-timeout", "TimeoutOrSignal")
    explored(t, "race-nothing-taken", "AllOrNothingInTime")


@test("3.5", points=1, title="a semaphore lets in as many as it has units", features=("DSP-05", "ERR-03"), limit=LIMIT, explore=True)
def race_semaphore_counts(t):
    explored(t, "race-units", "SemaphoreLetsTwoIn", "SemaphoreHandsOutAllUnits")


@test("3.5", points=1, title="a mutant has one owner", features=("DSP-04",), limit=LIMIT, explore=True)
def race_mutant_excludes(t):
    explored(t, "race-owner", "MutantExcludes")


@test("3.7", points=1, title="set, cancel and expiry meet, and the table stays whole", features=("INT-09", "DSP-09"), limit=LIMIT, explore=True)
def race_timers(t):
    explored(t, "race-timers", "CancelOrExpire", "SetAgainWhileExpiring", "CancelledOnce")


@test("3.8", points=1, title="an APC reaches a thread that waits or is about to, and runs once", features=("INT-10", "INT-11"), limit=LIMIT, explore=True)
def race_apc_reaches_waiter(t):
    explored(t, "race-apc-lost", "ApcReachesWaiter")
    explored(t, "race-apc-once", "ApcRunsOncePerQueueing")


@test("3.8", points=1, title="no normal APC inside a critical region, and none forgotten after it", features=("INT-15",), limit=LIMIT, explore=True)
def race_apc_stays_out(t):
    explored(t, "race-apc-region", "ApcStaysOutOfRegion")


@test("3.9", points=1, title="a queue hands out each entry once", features=("DSP-06",), limit=LIMIT, explore=True)
def race_queue_loses_nothing(t):
    explored(t, "race-queue", "QueueLosesNothing", "QueueEntryOrTimeout")


@test("3.9", points=1, title="a queue lets as many work as it allows", features=("DSP-06", "SYS-09"), limit=LIMIT, explore=True)
def race_queue_concurrency(t):
    explored(t, "race-concurrency", "QueueLetsOneWork")


@test("3.10", points=1, title="a resource: readers together, a writer alone, no thread left asleep", features=("DSP-20",), limit=LIMIT, explore=True)
def race_resource(t):
    explored(t, "race-resource", "ResourceKeepsWritersAlone", "ResourceConverts", "ResourceAnswersAtOnce")


@test("3.10", points=1, title="a push lock: readers together, a writer alone, no thread left asleep", features=("DSP-21",), limit=LIMIT, explore=True)
def race_push_lock(t):
    explored(t, "race-push-lock", "PushLockExcludes", "PushLockKeepsWritersAlone", "PushLockWaitsForBoth", "PushLockTakenWhileWaking")
