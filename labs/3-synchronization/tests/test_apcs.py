"""3.8 Asynchronous procedure calls: queues, who is told, delivery, and the regions that hold it back."""

from __future__ import annotations

from typing import List

from grader.api import test

from .apcs import APC_LEVEL, ATTACHED, INSERT, KERNEL, KERNEL_APC, ORIGINAL, PASSIVE_LEVEL, READY, USER, USER_APC, ApcBench

LIMIT = 30_000_000


@test("3.8", points=2, title="the queues: special before normal, user apart, each once", stage="early", features=("INT-10", "INT-11"), limit=LIMIT)
def apc_queue(t):
    specials = [True, False, True, False, False, True, False, False]
    modes = [KERNEL] * 5 + [KERNEL, USER, USER]
    order = list(range(8))
    bench = ApcBench(t, 8, specials, modes)
    t.rng.shuffle(order)
    for number in order:
        bench.insert(number)
        if t.rng.random() < 0.4:
            bench.insert(t.rng.choice(order))  # perhaps again
    bench.bench._act(None)
    t.guest.set(bench.thread, "KTHREAD.ApcQueueable", 0)
    bench.guest.call("KeRemoveQueueApc", bench.apcs[order[0]])
    bench.queues[modes[order[0]]].remove(order[0])
    bench.insert(order[0])  # its thread takes none any more


@test("3.8", points=1, title="environments: an APC for where the thread is not", stage="early", features=("INT-10", "INT-14"), limit=LIMIT)
def apc_environment(t):
    bench = ApcBench(t, 3, [False, True, False])
    guest = t.guest
    pointers = guest.field("KTHREAD.ApcStatePointer")[0]
    saved = bench.thread + guest.field("KTHREAD.SavedApcState")[0]
    guest.u32(bench.thread + pointers, saved)  # T0 is attached to another process
    guest.u32(bench.thread + pointers + 4, bench.state)
    guest.set(bench.thread, "KTHREAD.ApcStateIndex", ATTACHED)
    bench.make(0, ORIGINAL)
    bench.make(1, INSERT)
    bench.make(2, ATTACHED)
    bench._say("T0: KeInsertQueueApc(A0 for the original environment) while T0 is attached")
    bench.bench._act(0)
    told = guest.call("KeInsertQueueApc", bench.apcs[0], 1, 2, 0) & 0xFF
    bench._equal("it returns 1", f"it returns {told}", "apc-environment")
    head = saved + guest.field("KAPC_STATE.ApcListHead")[0]
    seen = guest.list(head, "KAPC.ApcListEntry")
    bench._equal("A0 is on the saved state's queue", "A0 is on the saved state's queue" if seen == [bench.apcs[0]] else "it is not", "apc-environment")
    bench.told(False, False, "apc-environment")
    inserted = guest.get(bench.apcs[0], "KAPC.Inserted")
    bench._equal("Inserted 1", f"Inserted {inserted}", "apc-environment")
    guest.set(bench.apcs[0], "KAPC.Inserted", 0)  # out of the model's sight
    bench.promise_queued(0, ORIGINAL)
    bench.insert(1)
    bench.insert(2)
    bench.told(True, False)
    index = guest.get(bench.apcs[1], "KAPC.ApcStateIndex")
    bench._equal(f"A1 is for environment {ATTACHED}", f"A1 is for environment {index}", "apc-environment")


@test("3.8", points=2, title="which thread is told: the current one, one that waits, one that is ready", stage="early", features=("INT-10", "INT-12"),
      limit=LIMIT)
def apc_tells(t):
    for kind in t.rng.sample(("current", "ready", "waits", "critical", "guarded", "user", "alertable"), 7):
        bench = ApcBench(t, 3, [True, False, False], [KERNEL, KERNEL, USER])
        guest, thread = t.guest, bench.thread
        if kind == "current":
            guest.set(thread, "KTHREAD.State", 2)
            bench.insert(2, by=0)
            bench.told(False, False)
            bench.insert(t.rng.choice((0, 1)), by=0, telling=("HalRequestSoftwareInterrupt",))
            bench.told(True, True)
        elif kind == "ready":
            guest.set(thread, "KTHREAD.State", READY)
            bench.insert(t.rng.choice((0, 1)))
            bench.told(True, False)
        else:
            _waiting(t, bench, kind)
        guest._allocated = 0  # the next case begins anew


def _waiting(t, bench: ApcBench, kind: str) -> None:
    """T0 waits: an APC that it may take ends the wait."""
    guest, thread = t.guest, bench.thread
    alertable = int(kind == "alertable")
    mode = USER if kind in ("user", "alertable") else KERNEL
    guest.set(thread, "KTHREAD.State", 2)
    if kind == "critical":
        guest.set(thread, "KTHREAD.KernelApcDisable", 0xFFFF)
    if kind == "guarded":
        guest.set(thread, "KTHREAD.SpecialApcDisable", 0xFFFF)
    bench._say("T0: KeWaitForSingleObject(E0" + (", UserMode, alertable" if alertable else ", UserMode" if mode else "") + ")")
    place, _ = bench.bench.call(0, "KeWaitForSingleObject", bench.bench.addresses[0], 0, mode, alertable, 0)
    t.sound(bool(place), "a wait for an event that is not signaled waits")
    number = 2 if mode == USER else t.rng.choice((0, 1))
    ends = {"waits": True, "critical": number == 0, "guarded": False, "user": False, "alertable": True}[kind]
    bench.insert(number, increment=t.rng.randint(0, 4), telling=("KiUnwaitThread",) if mode == KERNEL else ())
    woken = bench.bench.woken()
    bench._equal("woken: " + ("T0" if ends else "nobody"), "woken: " + (" ".join(f"T{one}" for one in woken) or "nobody"), "apc-told")
    if ends:
        status = guest.get(thread, "KTHREAD.WaitStatus")
        wanted = USER_APC if mode == USER else KERNEL_APC
        bench._equal(f"its wait ends with {wanted:#x}", f"its wait ends with {status:#x}", "apc-told")
    if mode == KERNEL:
        bench.told(True, False)


@test("3.8", points=3, title="delivery: order, levels, arguments, and what a kernel routine may do", stage="early", features=("INT-10", "INT-11", "INT-12"),
      limit=LIMIT)
def apc_delivery(t):
    specials = [True, False, False, *(t.rng.random() < 0.4 for _ in range(4))]
    bench = ApcBench(t, 7, specials)
    bench.deliver()
    for _ in range(4):
        for number in t.rng.sample(range(7), t.rng.randint(2, 7)):
            bench.insert(number)
        bench.deliver(requeue=0.15, call_off=0.25)
        while bench.queues[KERNEL]:
            bench.deliver()
    for number in range(7):
        bench.insert(number)
    t.guest.set(bench.state, "KAPC_STATE.KernelApcInProgress", 0)
    t.guest.set(bench.thread, "KTHREAD.KernelApcDisable", 0xFFFF)
    bench.deliver(normal_allowed=False)
    t.guest.set(bench.thread, "KTHREAD.KernelApcDisable", 0)
    t.guest.set(bench.state, "KAPC_STATE.KernelApcInProgress", 1)
    bench.insert(0)
    bench.deliver(normal_allowed=False, inside=1)
    t.guest.set(bench.state, "KAPC_STATE.KernelApcInProgress", 0)
    bench.deliver()


@test("3.8", points=2, title="critical and guarded regions: what they hold back, and what their end asks for", stage="early", features=("INT-15", "SYH-09"),
      limit=LIMIT)
def apc_regions(t):
    bench = ApcBench(t, 2, [True, False])
    guest, thread = t.guest, bench.thread
    guest.set(thread, "KTHREAD.State", 2)
    counts = {"Critical": 0, "Guarded": 0}
    fields = {"Critical": "KernelApcDisable", "Guarded": "SpecialApcDisable"}
    queued: List[int] = []

    def region(kind: str, leaves: bool) -> None:
        bench._say(f"T0: Ke{'Leave' if leaves else 'Enter'}{kind}Region() in {counts['Critical']} critical and {counts['Guarded']} guarded regions, "
                   f"{'an APC' if queued else 'nothing'} queued")
        bench.bench._act(0, t.rng.choice((PASSIVE_LEVEL, PASSIVE_LEVEL, APC_LEVEL)))
        bench.clear()
        guest.set(bench.state, "KAPC_STATE.KernelApcPending", 0)
        guest.call(f"Ke{'Leave' if leaves else 'Enter'}{kind}Region")
        counts[kind] += -1 if leaves else 1
        for one, count in counts.items():
            seen = -(guest.get(thread, f"KTHREAD.{fields[one]}") - 0x10000) % 0x10000
            bench._equal(f"{fields[one]} {-count}", f"{fields[one]} {-seen}", "apc-region")
        asks = leaves and bool(queued) and counts[kind] == 0 and counts["Guarded"] == 0
        bench.told(asks, asks, "apc-region")

    def queue(number: int) -> None:
        bench.clear()
        bench.insert(number, by=0)
        queued.append(number)

    def empty() -> None:
        for number in queued:
            guest.call("KeRemoveQueueApc", bench.apcs[number])
            bench.queues[KERNEL].remove(number)
        queued.clear()

    for outer, inner in (("Critical", "Critical"), ("Guarded", "Guarded"), ("Critical", "Guarded"), ("Guarded", "Critical")):
        for number in (None, t.rng.randrange(2)):  # nothing is queued, or something came in the inner region
            region(outer, False)
            region(inner, False)
            if number is not None:
                queue(number)
            region(inner, True)
            region(outer, True)
            empty()
    for _ in range(60):
        kind = t.rng.choice(("Critical", "Guarded"))
        region(kind, counts[kind] > 0 and (t.rng.random() < 0.55 or sum(counts.values()) > 6))
        if not queued and t.rng.random() < 0.3:
            queue(t.rng.randrange(2))
        elif queued and t.rng.random() < 0.2:
            empty()
    for kind in ("Critical", "Guarded"):
        while counts[kind]:
            guest.call(f"KeLeave{kind}Region")
            counts[kind] -= 1
    empty()
    for number in (1, 0):
        bench.insert(number, by=0)  # the special one goes before the normal one
    bench._say("T0: KeEnterGuardedRegion(), KiDeliverApc()")
    guest.call("KeEnterGuardedRegion")
    bench.bench._act(0, APC_LEVEL)
    place, _ = guest.call_or_stop("KiDeliverApc", KERNEL, 0, 0, stops=("Lab3ApcKernel", "Lab3ApcNormal"))
    bench._equal("nothing runs in a guarded region", f"{place} runs" if place else "nothing runs in a guarded region", "apc-held")
