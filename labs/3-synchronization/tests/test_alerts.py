"""3.4 Alerts, user APCs and kernel APCs: what ends a wait besides its objects and its time, and what only interrupts it."""

from __future__ import annotations

from typing import Optional, Tuple

from grader.api import test
from grader.views.ring import Event

from .bench import Bench
from .running import DISPATCH_LEVEL
from .dispatcher import SUCCESS, SYNCHRONIZATION_EVENT, TIMEOUT, WAIT_ALL, WAIT_ANY, Object, status_name

LIMIT = 40_000_000
KERNEL, USER = 0, 1
ALERTED, USER_APC, KERNEL_APC = 0x101, 0xC0, 0x100
SECOND = 10_000_000
FORMS = ("one", "any", "all", "delay")
WORDS = ("KernelMode", "UserMode")
REASONS = {"delay": 4}  # KWAIT_REASON::DelayExecution
EXECUTIVE = 7  # of the other waits: any reason but 0


class Interruptible(Bench):
    """Thread T0 waits for E0, for E0 and E1, or for time alone; others alert it, queue APCs to it, interrupt its wait."""

    def __init__(self, t) -> None:
        super().__init__(t, [Object(number, SYNCHRONIZATION_EVENT) for number in range(2)], 1)
        self._apc = self.guest.alloc(self.guest.size("KAPC"))
        self._state = self.threads[0] + self.guest.field("KTHREAD.ApcState")[0]
        self._form = ""
        self._since = 0  # of the trace
        self._given: Tuple[Optional[int], int] = (None, KERNEL)  # due time, and mode

    # -- T0 --------------------------------------------------------------------------------------------------------
    def begin(self, form: str, ends: Optional[int], timeout: Optional[int], mode: int = KERNEL, alertable: bool = False,
              hint: str = "alert-first") -> None:
        """T0's wait; `ends`: what it must return at once, None if it must wait."""
        objects = {"one": (0,), "any": (0, 1), "all": (0, 1), "delay": ()}[form]
        timeout = -SECOND if form == "delay" and timeout is None else timeout
        how = f"{WORDS[mode]}, {'' if alertable else 'not '}alertable, {self._time(timeout)}"
        for number in objects:
            self.guest.u32(self._array + 4 * number, self.addresses[number])
        pointer = self._timeout(timeout)
        if form == "one":
            self._say(f"T0: KeWaitForSingleObject(E0, {how})", "wait")
            call = ("KeWaitForSingleObject", self.addresses[0], EXECUTIVE, mode, int(alertable), pointer)
        elif form == "delay":
            self._say(f"T0: KeDelayExecutionThread({how})", "wait")
            call = ("KeDelayExecutionThread", mode, int(alertable), pointer)
        else:
            self._say(f"T0: KeWaitForMultipleObjects(E0 E1, Wait{form.capitalize()}, {how})", "wait")
            call = ("KeWaitForMultipleObjects", 2, self._array, WAIT_ALL if form == "all" else WAIT_ANY, EXECUTIVE, mode, int(alertable), pointer, 0)
        due, _, absolute = self._due(timeout)
        self._form, self._given = form, (due, mode)
        self._since = self._last()
        place, told = self.call(0, call[0], *call[1:])
        self._judge(place, told, ends, hint, absolute)
        if ends is None:
            seen = tuple(self.guest.get(self.threads[0], f"KTHREAD.{name}") for name in ("WaitReason", "WaitMode", "Alertable"))
            self._equal("WaitReason %d, WaitMode %d, Alertable %d" % (REASONS.get(form, EXECUTIVE), mode, alertable),
                        "WaitReason %d, WaitMode %d, Alertable %d" % seen, "wait-handed-on")

    def again(self, ends: Optional[int], hint: str = "wait-again") -> None:
        """T0 runs again after a kernel APC; its wait begins again."""
        self._say("the APC has run, and T0 goes on", "wait")
        self._since = self._last()
        place, told = self.resume(0, KERNEL_APC)
        self._judge(place, told, ends, hint, False)

    def _judge(self, place: str, told: int, ends: Optional[int], hint: str, absolute: bool) -> None:
        """T0 waits, or its call has returned: which of the two, and everything in its state."""
        due, _ = self._given
        seen = "the thread waits" if place else f"it returns {_name(told)}"
        self._equal("the thread waits" if ends is None else f"it returns {_name(ends)}", seen,
                    "wait-again" if not place and told == KERNEL_APC else hint)
        if ends is None and due is not None:
            timer = self.guest.get(self.threads[0] + self.guest.field("KTHREAD.Timer")[0], "KTIMER.DueTime")
            self._equal(f"the timer of T0 is due at interrupt time {due}", f"the timer of T0 is due at interrupt time {timer}",
                        hint if hint == "deadline-kept" else "due-time")
        if self._form == "delay":
            if ends is None:
                self.model.delay(0, due or 0, absolute)
        elif ends in (None, SUCCESS):
            self.model.wait(0, (0,) if self._form == "one" else (0, 1), self._form == "all", due, absolute=absolute)
        self.compare(hint)
        self._traced(ends is None, due is not None)

    def _last(self) -> int:
        return max((record.sequence for record in self.guest.events()), default=0)

    def _traced(self, waits: bool, timed: bool) -> None:
        """The event Wait, if T0 waits."""
        seen = [_event(*record.arguments) for record in self.guest.events() if record.sequence > self._since and record.event == Event.WAIT]
        count = {"one": 1, "delay": 0}.get(self._form, 2)
        wanted = [_event(self.threads[0], count, WAIT_ALL if self._form == "all" else WAIT_ANY, int(timed))] if waits else []
        self._equal(f"traced: {', '.join(wanted) or 'nothing'}", f"traced: {', '.join(seen) or 'nothing'}", "traced-wait")

    def end(self) -> None:
        """T0's wait is over for the next case: what KiUnwaitThread does."""
        self.cut(SUCCESS)
        place, told = self.resume(0, SUCCESS)
        self._equal("it returns STATUS_SUCCESS", "the thread waits" if place else f"it returns {_name(told)}", "wait-status")

    # -- others ----------------------------------------------------------------------------------------------------
    def cut(self, status: int = KERNEL_APC) -> None:
        """Somebody ends T0's wait with `status`."""
        self._say("a kernel APC for T0 interrupts the wait" if status == KERNEL_APC else f"T0's wait is ended with {_name(status)}")
        self._act(None, DISPATCH_LEVEL)
        self.guest.call("KiUnwaitThread", self.threads[0], status, 0)
        self.guest.call("KiProcessDeferredReadyList")
        self.model.end_wait(0, status, 0)
        self.compare()

    def alert(self, mode: int) -> None:
        self._say(f"KeAlertThread(T0, {WORDS[mode]})")
        self._act(None)
        self.guest.call("KeAlertThread", self.threads[0], mode)

    def alerts(self, wanted: int, hint: str) -> None:
        """Which alerts T0 has: a bit for each mode; then it has none."""
        field = self.threads[0] + self.guest.field("KTHREAD.Alerted")[0]
        seen = sum(1 << mode for mode in (KERNEL, USER) if self.guest.read(field + mode, 1) != b"\0")
        self._equal(_alerts(wanted), _alerts(seen), hint)
        self.guest.write(field, b"\0\0")

    def user_apc(self, pending: bool = False) -> None:
        """A user APC is queued to T0, which runs; `pending`: it is to be delivered already."""
        self._say("KeInsertQueueApc(a user APC for T0)" + (", UserApcPending is TRUE" if pending else ""))
        self._act(None)
        routine = self.guest.sym("Lab3ApcKernel")
        self.guest.call("KeInitializeApc", self._apc, self.threads[0], 0, routine, 0, self.guest.sym("Lab3ApcNormal"), USER, 0)
        self.guest.call("KeInsertQueueApc", self._apc, 0, 0, 0)
        self.guest.set(self._state, "KAPC_STATE.UserApcPending", int(pending))

    def no_user_apc(self, pending: bool) -> None:
        """Whether T0 shall deliver user APCs on its way to user mode; then it has none."""
        seen = bool(self.guest.get(self._state, "KAPC_STATE.UserApcPending"))
        self._equal(f"UserApcPending {pending}", f"UserApcPending {seen}", "alert-tested")
        self.guest.set(self._state, "KAPC_STATE.UserApcPending", 0)
        self._act(None)
        self.guest.call("KeRemoveQueueApc", self._apc)


@test("3.4", points=1, title="alerts, user APCs, and waits that begin again after a kernel APC", stage="early",
      features=("DSP-12", "DSP-13", "DSP-14", "INT-12"), limit=LIMIT)
def alerted_and_interrupted(t):
    bench = Interruptible(t)
    forms = list(FORMS)
    t.rng.shuffle(forms)
    for form in forms:
        _interrupted(t, bench, form)
    for form in forms:
        _alerted(t, bench, form)


def _interrupted(t, bench: Interruptible, form: str) -> None:
    """Kernel APCs interrupt a wait: nothing of it is lost, above all not its time."""
    ticks = t.rng.randint(20, 60)
    bench.begin(form, None, -ticks * bench.increment - t.rng.randrange(bench.increment))
    for _ in range(2):
        bench.cut()
        bench.set_clock(bench.model.now + t.rng.randint(1, 8) * bench.increment)
        bench.again(None, "deadline-kept")
    bench.cut()
    bench.set_clock(bench.model.now + ticks * bench.increment)
    bench.again(SUCCESS if form == "delay" else TIMEOUT, "deadline-kept")
    if form != "delay":
        bench.begin(form, None, t.rng.choice((None, -SECOND)))
        bench.cut()
        for number in range(2 if form == "all" else 1):
            bench.set_event(number)  # while it runs the APC
        bench.again(SUCCESS)
    bench.begin(form, None, None, USER, True)
    bench.cut()
    bench.alert(t.rng.choice((KERNEL, USER)))
    bench.again(ALERTED, "alert-tested")
    bench.alerts(0, "alert-tested")


def _alerted(t, bench: Interruptible, form: str) -> None:
    """What comes before a wait: it ends those that let it through, and only those."""
    endless = t.rng.choice((None, -SECOND))
    for mode, alertable, alert, ends in ((KERNEL, True, KERNEL, True), (KERNEL, True, USER, False), (KERNEL, False, KERNEL, False),
                                         (USER, True, USER, True), (USER, True, KERNEL, True), (USER, False, USER, False)):
        bench.alert(alert)
        bench.begin(form, ALERTED if ends else None, endless, mode, alertable, "alert-tested" if ends else "alert-held")
        bench.alerts(0 if ends else 1 << alert, "alert-tested" if ends else "alert-held")
        if not ends:
            bench.end()
    for mode, alertable, ends in ((USER, True, True), (USER, False, False), (KERNEL, True, False)):
        bench.user_apc()
        bench.begin(form, USER_APC if ends else None, endless, mode, alertable, "alert-tested" if ends else "alert-held")
        if not ends:
            bench.end()
        bench.no_user_apc(ends)
    bench.user_apc(pending=True)
    bench.begin(form, USER_APC, endless, USER, False, "alert-tested")
    bench.no_user_apc(True)
    over = bench.system_time(-t.rng.randint(1, SECOND))
    bench.alert(USER)
    bench.begin(form, ALERTED, over, USER, True, "alert-before-time")
    bench.alerts(0, "alert-before-time")
    if form == "delay":
        return
    bench.alert(KERNEL)
    for number in range(2 if form == "all" else 1):
        bench.set_event(number)
    bench.begin(form, SUCCESS, endless, t.rng.choice((KERNEL, USER)), True, "alert-first")
    bench.alerts(1 << KERNEL, "alert-first")


def _event(thread: int, count: int, kind: int, timed: int) -> str:
    """A wait for time alone has no type worth telling."""
    what = f"{count} objects, Wait{'Any' if kind == WAIT_ANY else 'All'}" if count else "no object"
    return f"Wait of {thread:#010x}, {what}, {'with' if timed else 'no'} time-out"


def _alerts(modes: int) -> str:
    return "T0 has " + (" and ".join(f"an alert of {WORDS[mode]}" for mode in (KERNEL, USER) if modes >> mode & 1) or "no alert")


def _name(status: int) -> str:
    return {ALERTED: "STATUS_ALERTED", USER_APC: "STATUS_USER_APC", KERNEL_APC: "STATUS_KERNEL_APC"}.get(status) or status_name(status)
