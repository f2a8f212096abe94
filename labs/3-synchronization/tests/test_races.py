"""Every exercise under thousands of schedules: what no order of steps may break.  The scenarios are in races_*.cpp."""

from __future__ import annotations

from grader.api import test

from .hints import HINTS

LIMIT = 4_000_000_000  # the budget below ends an exploration; this only ends what hangs
BUDGET = 60_000_000  # guest instructions: about a thousand schedules, a second of one core


def explored(t, hint: str, *scenarios: str) -> None:
    for scenario in scenarios:
        t.explore(scenario, budget=BUDGET, expected="no order of steps breaks it", hint=t.hint(hint, HINTS[hint]))


@test("3.3", points=1, title="a signal between the test and the sleep is not lost", features=("DSP-02", "DSP-12"), limit=LIMIT, explore=True)
def race_signal_is_not_lost(t):
    explored(t, "race-signal", "SignalIsNotLost")


@test("3.3", points=1, title="a notification event releases all, however they come", features=("DSP-02", "DSP-14"), limit=LIMIT, explore=True)
def race_notification_releases_all(t):
    explored(t, "race-all-waiters", "NotificationReleasesAll")


@test("3.3", points=1, title="a synchronization event lets one in", features=("DSP-03", "DSP-17"), limit=LIMIT, explore=True)
def race_event_lets_one_in(t):
    explored(t, "race-one-in", "EventLetsOneIn")


@test("3.4", points=1, title="a wait for all takes all together", features=("DSP-13", "DSP-14", "ERR-06"), limit=LIMIT, explore=True)
def race_all_takes_together(t):
    explored(t, "race-together", "AllTakesTogether")


@test("3.4", points=1, title="a wait for any takes one", features=("DSP-13", "DSP-14"), limit=LIMIT, explore=True)
def race_any_takes_one(t):
    explored(t, "race-any", "AnyTakesOne")


@test("3.4", points=1, title="signal and time-out meet: one ends the wait", features=("DSP-16", "INT-09"), limit=LIMIT, explore=True)
def race_timeout_or_signal(t):
    explored(t, "race-timeout", "TimeoutOrSignal")


@test("3.4", points=1, title="a wait for all that runs out of time has taken nothing", features=("DSP-13", "DSP-16"), limit=LIMIT, explore=True)
def race_all_or_nothing_in_time(t):
    explored(t, "race-nothing-taken", "AllOrNothingInTime")


@test("3.5", points=1, title="a semaphore lets in as many as it has units", features=("DSP-05", "ERR-03"), limit=LIMIT, explore=True)
def race_semaphore_counts(t):
    explored(t, "race-units", "SemaphoreLetsTwoIn", "SemaphoreHandsOutAllUnits")


@test("3.5", points=1, title="a mutant has one owner", features=("DSP-04",), limit=LIMIT, explore=True)
def race_mutant_excludes(t):
    explored(t, "race-owner", "MutantExcludes")


@test("3.6", points=1, title="set, cancel and expiry meet, and the table stays whole", features=("INT-09", "DSP-09"), limit=LIMIT, explore=True)
def race_timers(t):
    explored(t, "race-timers", "CancelOrExpire", "SetAgainWhileExpiring", "CancelledOnce")
