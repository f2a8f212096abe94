"""1.2: the first frame of a thread, and the context switch: what the host puts in must come out in the same thread."""

from __future__ import annotations

from grader.api import Hint, test

from .contexts import CALLEE_SAVED, FRAME, HINTS, INTERRUPT, LASTING, Carousel, HandOver, Together, words

FEATURES = ("SCH-14", "KPR-23")
CHAIN_END = 0xFFFFFFFF
THREAD_RETURNED = 0x4D545254
APC_LEVEL = 1
BOOT = Hint("switch-boot", HINTS["switch-boot"])


@test("1.2", points=3, title="the first frame lies where it should and holds what it should", stage="early", features=FEATURES, limit=2_000_000)
def first_frame_contents(t):
    guest = t.guest
    for _ in range(12):
        size = 4 * t.rng.randint(64, 200)
        noise = bytes(t.rng.getrandbits(8) for _ in range(size + 64))
        low = guest.alloc(size + 64)
        top = low + size  # 64 bytes above the stack belong to another thread
        guest.write(low, noise)
        thread = guest.alloc(guest.size("KTHREAD"))
        guest.write(thread, bytes(guest.size("KTHREAD")))
        for name, value in (("InitialStack", top), ("StackBase", top), ("StackLimit", low), ("KernelStack", 0)):
            guest.set(thread, f"KTHREAD.{name}", value)
        before = guest.read(thread, guest.size("KTHREAD"))
        system, start, context = words(t, 3)
        asked = f"KiInitializeContextThread(Thread, {system:#010x}, {start:#010x}, {context:#010x}) with InitialStack {top:#010x}"
        t.asking(asked, hint=_hint(t, "frame-layout"))
        guest.call("KiInitializeContextThread", thread, system, start, context)
        kernel_stack = guest.get(thread, "KTHREAD.KernelStack")
        t.equal(top - 40, kernel_stack, f"{asked}: KernelStack", hint=_hint(t, "frame-layout"))
        frame = [guest.u32(kernel_stack + 4 * index) for index in range(10)]
        wanted = [CHAIN_END, 0x202, 0, 0, 0, 0, guest.sym("KiThreadStartup"), system, start, context]
        for index, name in enumerate(FRAME + ("SystemRoutine", "StartRoutine", "StartContext")):
            hint = {"ExceptionList": "frame-chain", "EFlags": "frame-eflags"}.get(name, "frame-words")
            t.equal(wanted[index], frame[index], f"{asked}: {name}", hint=_hint(t, hint))
        after = guest.read(low, size + 64)
        t.check(after[:size - 40] == noise[:size - 40] and after[size:] == noise[size:], asked=asked,
                expected="nothing but the frame's 40 bytes written", seen="other bytes of the stack changed", hint=_hint(t, "frame-beyond"))
        offset, width = guest.field("KTHREAD.KernelStack")
        now = guest.read(thread, guest.size("KTHREAD"))
        t.check(now[:offset] == before[:offset] and now[offset + width:] == before[offset + width:], asked=asked,
                expected="no field of the thread but KernelStack changed", seen="other fields changed", hint=_hint(t, "frame-beyond"))


@test("1.2", points=2, title="a new thread begins in its system routine as it should", stage="ready", features=FEATURES + ("SCH-12",), limit=10_000_000)
def first_run(t):
    guest = t.guest
    start, context = words(t, 2)
    thread, asked = _new_thread(t, start, context)
    registers = guest.start("KeReadyThread", thread, until="Lab1System")
    esp = registers["esp"]
    low, high = guest.get(thread, "KTHREAD.StackLimit"), guest.get(thread, "KTHREAD.InitialStack")
    t.check(guest.current_thread() == thread and low <= esp < high and esp % 4 == 0, asked=asked,
            expected=f"it runs, with ESP in [{low:#010x}, {high:#010x})", seen=f"ESP {esp:#010x}", hint=_hint(t, "frame-layout"))
    arguments = [guest.u32(esp + 4), guest.u32(esp + 8)]
    t.equal([f"{start:#010x}", f"{context:#010x}"], [f"{one:#010x}" for one in arguments],
            f"{asked}: StartRoutine and StartContext", hint=_hint(t, "startup-arguments"))
    t.equal(APC_LEVEL, guest.get(guest.pcr(), "KPCR.Irql"), f"{asked}: the IRQL", hint=_hint(t, "startup-irql"))
    t.check(bool(registers["eflags"] & INTERRUPT), asked=asked, expected="interrupts on (EFLAGS.IF)",
            seen=f"EFLAGS {registers['eflags']:#010x}", hint=_hint(t, "frame-eflags"))
    t.equal(CHAIN_END, guest.u32(guest.pcr()), f"{asked}: fs:[0]", hint=_hint(t, "frame-chain"))
    t.equal(0, registers["ebp"], f"{asked}: EBP", hint=_hint(t, "frame-layout"))


@test("1.2", points=1, title="a system routine that returns is a bugcheck", stage="ready", features=FEATURES + ("TRP-09",), limit=10_000_000)
def first_frame_returned_to(t):
    guest = t.guest
    thread, asked = _new_thread(t, *words(t, 2))
    asked += ", whose system routine returns"
    guest.start("KeReadyThread", thread, until="Lab1System")
    t.asking(asked, hint=_hint(t, "startup-return"))
    guest.run_until("KeBugCheckEx")
    esp = guest.regs()["esp"]
    code, parameter = guest.u32(esp + 4), guest.u32(esp + 8)
    t.check(code == THREAD_RETURNED and parameter == thread, asked=asked,
            expected=f"KeBugCheckEx(MICA_THREAD_RETURNED, {thread:#010x}, ...)", seen=f"KeBugCheckEx({code:#010x}, {parameter:#010x}, ...)",
            hint=_hint(t, "startup-return"))


@test("1.2", points=3, title="EBX, ESI, EDI and EBP come back as they went", stage="ready", features=FEATURES, limit=10_000_000)
def switch_registers(t):
    carousel = Carousel(t)
    for _ in range(6):
        call = carousel.catch_round()
        values = dict(zip(CALLEE_SAVED, words(t, 4)))
        t.guest.set_regs(**values)
        carousel.arrives(call)
        asked = f"{carousel.workload.name(call.old)} is switched away from and comes back"
        registers = carousel.comes_back(call, asked)
        for name in CALLEE_SAVED:
            t.equal(f"{values[name]:#010x}", f"{registers[name]:#010x}", f"{asked}: {name.upper()}", hint=_hint(t, "switch-register"))
        carousel.put_back(call, registers)


@test("1.2", points=2, title="EFLAGS come back, the interrupt flag too", stage="ready", features=FEATURES, limit=10_000_000)
def switch_eflags(t):
    carousel = Carousel(t)
    mask = LASTING | INTERRUPT
    for turn in range(6):
        call = carousel.catch()
        flags = call.registers["eflags"] & ~mask | t.rng.getrandbits(32) & LASTING | (turn % 2) * INTERRUPT
        t.guest.set_regs(eflags=flags)
        asked = f"{carousel.workload.name(call.old)} is switched away from with EFLAGS {flags:#010x} and comes back"
        registers = carousel.comes_back(call, asked)
        t.equal(f"{flags & mask:#010x}", f"{registers['eflags'] & mask:#010x}", f"{asked}: EFLAGS (IF, IOPL, AC, ID)",
                hint=_hint(t, "switch-eflags"))
        carousel.put_back(call, registers)
        t.guest.set_regs(eflags=call.registers["eflags"])


@test("1.2", points=2, title="the exception chain goes with the stack", stage="ready", features=FEATURES + ("EXC-01",), limit=10_000_000)
def switch_exception_chain(t):
    carousel = Carousel(t)
    for _ in range(6):
        call = carousel.catch()
        low, high = (t.guest.get(call.old, f"KTHREAD.{name}") for name in ("StackLimit", "InitialStack"))
        value = t.rng.randrange(low, high, 4)
        t.guest.write(t.guest.pcr(), value.to_bytes(4, "little"))
        asked = f"{carousel.workload.name(call.old)} is switched away from with fs:[0] = {value:#010x} and comes back"
        registers = carousel.comes_back(call, asked)
        t.equal(f"{value:#010x}", f"{t.guest.u32(t.guest.pcr()):#010x}", f"{asked}: fs:[0]", hint=_hint(t, "switch-exception-list"))
        carousel.put_back(call, registers)


@test("1.2", points=1, title="stack limits and Esp0 are those of the thread that runs, whenever an interrupt may come", stage="ready", features=FEATURES, limit=10_000_000)
def switch_stack_bounds(t):
    carousel = Carousel(t)
    guest = t.guest
    tss = guest.get(guest.pcr(), "KPCR.TSS")
    for _ in range(9):
        carousel.workload.onwards()
        actor, _ = carousel.workload.step()
        thread = carousel.workload.threads[actor]
        low, high = (guest.get(thread, f"KTHREAD.{name}") for name in ("StackLimit", "InitialStack"))
        seen = (guest.u32(guest.pcr() + 8), guest.u32(guest.pcr() + 4), guest.u32(tss + 4))
        t.equal(f"{low:#010x} {high:#010x} {high:#010x}", " ".join(f"{one:#010x}" for one in seen),
                f"A{actor} runs: StackLimit and StackBase of the KPCR, Esp0 of the TSS", hint=_hint(t, "switch-bounds"))
    for _ in range(3):
        call = carousel.catch_round()
        t.infra(bool(call.registers["eflags"] & INTERRUPT), "KiSwapContext is called with interrupts on")
        carousel.steps_through(call, Together(carousel, call))


@test("1.2", points=1, title="CR3 changes between processes, and only there", stage="ready", features=FEATURES + ("KPR-03",), limit=10_000_000)
def switch_page_directory(t):
    """One actor is moved to a process of its own; another directory, of the same contents, tells when CR3 is loaded."""
    guest = t.guest
    other, third = (guest.call("MmCreatePageDirectory") for _ in range(2))
    t.sound(bool(other and third), "there is memory for two page directories")
    carousel = Carousel(t)
    workload = carousel.workload
    at_home = guest.regs()["cr3"]
    system = guest.get(workload.threads[0], "KTHREAD.Process")
    table, _ = guest.field("KPROCESS.DirectoryTableBase")
    # No switch may load this one: the threads of one process never cause a load.
    guest.u32(system + table, other)
    for _ in range(5):
        workload.onwards()
        actor, _ = workload.step()
        t.equal(f"{at_home:#010x}", f"{guest.regs()['cr3']:#010x}", f"A{actor} runs, after switches inside one process: CR3",
                hint=_hint(t, "switch-cr3-always"))
    guest.u32(system + table, at_home)
    _move(t, workload, third)
    carousel.catch_round()
    for _ in range(3):
        call = carousel.catch()
        carousel.steps_through(call, Together(carousel, call))


@test("1.2", points=2, title="when SwapBusy is clear another processor may go on with the old thread", stage="ready",
      features=FEATURES + ("SCH-12",), limit=10_000_000)
def switch_hand_over(t):
    directory = t.guest.call("MmCreatePageDirectory")
    t.sound(bool(directory), "there is memory for a page directory")
    carousel = Carousel(t)
    _move(t, carousel.workload, directory)
    carousel.catch_round()
    for _ in range(4):
        call = carousel.catch()
        carousel.steps_through(call, HandOver(carousel, call))


@test("1.2", points=1, title="SwapBusy is clear after a switch, and every switch counts once", stage="ready", features=FEATURES, limit=10_000_000)
def switch_bookkeeping(t):
    carousel = Carousel(t)
    guest, workload = t.guest, carousel.workload
    for _ in range(8):
        call = carousel.catch()
        before = (guest.get(call.new, "KTHREAD.ContextSwitches"), guest.get(call.old, "KTHREAD.ContextSwitches"),
                  guest.get(workload.prcb, "KPRCB.ContextSwitches"))
        busy = guest.get(call.old, "KTHREAD.SwapBusy")
        t.asking("a switch between two threads of the circle", hint=_hint(t, "switch-frame"))
        workload.onwards("Lab1Step")
        after = (guest.get(call.new, "KTHREAD.ContextSwitches"), guest.get(call.old, "KTHREAD.ContextSwitches"),
                 guest.get(workload.prcb, "KPRCB.ContextSwitches"))
        runs = workload.threads[workload.step()[0]]
        asked = f"one switch from {workload.name(call.old)} to {workload.name(call.new)}"
        t.check(runs == call.new, asked=asked, expected=f"{workload.name(call.new)} runs", seen=f"{workload.name(runs)} runs",
                hint=_hint(t, "switch-frame"))
        t.sound(busy == 1, "SwapBusy is set when KiSwapContext is called")
        t.equal(0, guest.get(call.old, "KTHREAD.SwapBusy"), f"{asked}: SwapBusy of the old thread", hint=_hint(t, "switch-swapbusy"))
        t.equal((before[0] + 1, before[1], before[2] + 1), after,
                f"{asked}: ContextSwitches of the new thread, the old thread, the processor", hint=_hint(t, "switch-counts"))


def _move(t, workload, directory: int) -> None:
    """One of the actors, not the one that runs, goes to a process of its own with this page directory, and CR3 follows."""
    guest = t.guest
    at_home = guest.regs()["cr3"]
    system = guest.get(workload.threads[0], "KTHREAD.Process")
    process = guest.alloc(guest.size("KPROCESS"))
    guest.write(process, guest.read(system, guest.size("KPROCESS")))
    guest.u32(process + guest.field("KPROCESS.DirectoryTableBase")[0], directory)
    running, _ = workload.step()
    moved = t.rng.choice([number for number in range(len(workload.threads)) if number != running])
    guest.set(workload.threads[moved] + guest.field("KTHREAD.ApcState")[0], "KAPC_STATE.Process", process)
    for _ in range(3 * len(workload.threads)):
        workload.onwards()
        actor, _ = workload.step()
        t.equal(f"{directory if actor == moved else at_home:#010x}", f"{guest.regs()['cr3']:#010x}",
                f"A{actor} runs, A{moved} has a process of its own: CR3", hint=_hint(t, "switch-cr3-never"))


def _new_thread(t, start: int, context: int):
    """A thread of high priority whose system routine is the driver's."""
    guest = t.guest
    thread = guest.alloc(guest.size("KTHREAD") + 8)
    stack = guest.call("MmCreateKernelStack", 0)
    process = guest.get(guest.get(guest.u32(guest.sym("KiProcessorBlock")), "KPRCB.CurrentThread"), "KTHREAD.Process")
    asked = f"a new thread with StartRoutine {start:#010x} and StartContext {context:#010x}"
    t.asking(asked, hint=_hint(t, "frame-layout"))
    guest.call("KeInitializeThread", thread, stack, stack - 12 * 1024, guest.sym("Lab1System"), start, context, process)
    for name in ("Priority", "BasePriority"):
        guest.set(thread, f"KTHREAD.{name}", 24)
    return thread, asked


def _hint(t, name: str):
    return t.hint(name, HINTS[name])
