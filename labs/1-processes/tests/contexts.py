"""Catching context switches from outside: the call of KiSwapContext, and the same thread's return from it.

The host stops a thread at the first instruction of the switch, puts values of its own into registers, flags and the
exception chain, and looks at them when that thread runs again.  Then it puts the old ones back, so that the kernel goes
on as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

from .scheduler import SIGNAL, WAIT, Thread
from .workload import Workload

CALLEE_SAVED = ("ebx", "esi", "edi", "ebp")
FRAME = ("ExceptionList", "EFlags", "Edi", "Esi", "Ebx", "Ebp", "ReturnAddress")  # KSWITCH_FRAME
# Flags that no arithmetic touches, so that a switch may compute before it saves them; the kernel itself has them clear.
INTERRUPT, PRIVILEGE, ALIGNMENT, IDENTIFICATION = 1 << 9, 3 << 12, 1 << 18, 1 << 21
SWITCH_INSTRUCTIONS = 1000  # many times what a switch takes
LASTING = PRIVILEGE | ALIGNMENT | IDENTIFICATION


HINTS = {
    "frame-layout": "The first frame must be a KSTART_FRAME directly below InitialStack and a KSWITCH_FRAME directly below that, as in "
                    "the figure; KernelStack is the address of the switch frame.",
    "frame-words": "The frame lies where it should, and this word of it is not what it should be: each word is written, with the value that the figure names. The "
                   "figure says which word is what.",
    "frame-eflags": "A new thread begins with interrupts on: EFLAGS_INTERRUPT_MASK | EFLAGS_ALWAYS_ONE.",
    "frame-chain": "The exception chain of a new thread is empty: EXCEPTION_CHAIN_END (0xFFFFFFFF), not 0.",
    "frame-beyond": "Only the frame is written: nothing at InitialStack or above, nothing below KernelStack.",
    "startup-irql": "KiThreadStartup is entered at SYNCH_LEVEL; the system routine expects APC_LEVEL (KfLowerIrql).",
    "startup-arguments": "SystemRoutine is called with StartRoutine and StartContext, in this order, on the stack.",
    "startup-return": "A system routine that returns comes back to KiThreadStartup: that is bugcheck MICA_THREAD_RETURNED.",
    "switch-register": "EBX, ESI, EDI and EBP belong to the caller of KiSwapContext. Save each on the old thread's stack and restore each "
                       "from the new thread's, in the opposite order.",
    "switch-eflags": "EFLAGS, and the interrupt flag in it, belong to the thread: pushfl before the switch, popfl after it.",
    "switch-exception-list": "fs:[0], the head of the exception chain, points into the stack: it changes with the stack.",
    "switch-frame": "What KiSwapContext pushes it must pop in the opposite order: fs:[0], EFLAGS, EDI, ESI, EBX, EBP, the return address. "
                    "One word too many, too few or exchanged, and the thread goes astray.",
    "switch-boot": "The kernel switches between its own threads before any test begins. Is the place named in KiSwapContext, then a register does not hold there what "
                   "that instruction takes it for. Otherwise look at a new thread's first frame (the test first_frame_contents), at the order of pushes and pops, at "
                   "the two moves of ESP, at the process that CR3 is loaded from, and at what KiThreadStartup does before its call.",
    "switch-stack": "The thread does not come back to where it left: ESP is saved in OldThread->KernelStack and loaded from "
                    "NewThread->KernelStack, and as many words are popped as were pushed.",
    "switch-bounds": "The stack's limits follow the thread: StackBase and StackLimit of the KPCR, and Esp0 of the TSS.",
    "switch-interrupts": "An interrupt that comes here finds the stack of one thread with what belongs to the other: switch interrupts off before the "
                         "first of ESP, the bounds, Esp0, CR3 and fs:[0] changes, and let popfl switch them on when the last has changed.",
    "switch-cr3-always": "CR3 was loaded although both threads run in one process: every load throws away the TLB. Compare "
                         "ApcState.Process first.",
    "switch-cr3-never": "The new thread runs in another process: load CR3 from its DirectoryTableBase.",
    "switch-busy-early": "No two processors use one stack. As long as SwapBusy is set, no other processor goes on with this thread. Which stack does this "
                         "processor still use at the moment when you clear it, and is the frame on it complete?",
    "switch-busy-late": "A thread whose SwapBusy is clear belongs to the processor that goes on with it: that one may run it by now, and change any of its "
                        "fields. Which of your instructions behind that moment still reads or writes OldThread?",
    "switch-swapbusy": "OldThread->SwapBusy must be clear when its stack is left, or no processor can ever switch to it again.",
    "switch-counts": "One switch counts one: ContextSwitches of the new thread and of the processor.",
}


@dataclass
class Call:
    """A thread that stands at the first instruction of KiSwapContext."""

    old: int
    new: int
    esp: int
    returns_to: int
    registers: Dict[str, int]
    exception_list: int


class Carousel:
    """Actors of one priority that wake each other in a circle, so that every thread that leaves comes back."""

    def __init__(self, t, actors: int = 3, rounds: int = 20) -> None:
        self.t, self.guest = t, t.guest
        priority = t.rng.randint(3, 14)
        threads = [Thread(number, priority, script=[(WAIT, number, 0), (SIGNAL, (number + 1) % actors, 0)] * rounds)
                   for number in range(actors)]
        threads[0].script = [(SIGNAL, 1, 0), (WAIT, 0, 0)] * rounds
        self.workload = Workload(t, threads)
        t.asking(f"{actors} threads wake each other in a circle", hint=self.hint("switch-frame"))
        self.workload.start(until="Lab1Step", hits=t.rng.randint(actors + 1, 2 * actors))
        self.turn = [self.workload.threads[number] for number in range(actors)]
        self.left: Dict[int, Call] = {}  # how each thread left last

    def hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def catch(self) -> Call:
        """Runs to the next call of KiSwapContext between two of the actors."""
        for _ in range(200):
            self.guest.run_until("KiSwapContext")
            registers = self.guest.regs()
            if registers["ecx"] in self.turn and registers["edx"] in self.turn:
                break
        else:
            self.t.fail(expected="the threads of the circle switch to each other", seen="200 other switches", hint=self.hint("switch-frame"))
        call = Call(registers["ecx"], registers["edx"], registers["esp"], self.guest.u32(registers["esp"]), registers,
                    self.guest.u32(self.guest.pcr()))
        self.left[call.old] = call
        return call

    def catch_round(self) -> Call:
        """As `catch`, after every thread of the circle was seen leaving once."""
        return [self.catch() for _ in self.turn][-1]

    def arrives(self, call: Call) -> None:
        """Runs until the new thread is back in the code that it left: its own registers must be there."""
        before = self.left[call.new]
        asked = f"{self.workload.name(call.old)} leaves, {self.workload.name(call.new)} goes on"
        self.t.asking(asked, hint=self.hint("switch-frame"))
        registers = self.guest.run_until(before.returns_to)
        self.t.check(registers["esp"] == before.esp + 4, asked=asked, expected=f"ESP {before.esp + 4:#010x}, as it left",
                     seen=f"ESP {registers['esp']:#010x}", hint=self.hint("switch-stack"))
        for name in CALLEE_SAVED:
            self.t.equal(f"{before.registers[name]:#010x}", f"{registers[name]:#010x}", f"{asked}: {name.upper()}, as it left",
                         hint=self.hint("switch-register"))

    def comes_back(self, call: Call, asked: str) -> Dict[str, int]:
        """Runs until the call returns in the same thread."""
        self.t.asking(asked, hint=self.hint("switch-frame"))
        for _ in range(200):
            self.guest.run_until(call.returns_to)
            registers = self.guest.regs()
            if self.guest.get(self.workload.prcb, "KPRCB.CurrentThread") == call.old:
                self.t.check(registers["esp"] == call.esp + 4, asked=asked, expected=f"KiSwapContext returns with ESP {call.esp + 4:#010x}",
                             seen=f"ESP {registers['esp']:#010x}", hint=self.hint("switch-stack"))
                return registers
        self.t.fail(asked=asked, expected=f"{self.workload.name(call.old)} runs again", seen="200 switches without it",
                    hint=self.hint("switch-stack"))
        return {}

    def steps_through(self, call: Call, watcher: "Watcher") -> None:
        """Instruction by instruction to where the new thread goes on; the watcher sees the machine behind each."""
        before = self.left[call.new]
        self.t.asking(watcher.asked, hint=self.hint("switch-frame"))
        for _ in range(SWITCH_INSTRUCTIONS):
            registers = self.guest.step()
            watcher.behind(registers)
            if registers["eip"] == before.returns_to:
                watcher.ended(registers)
                return
        self.t.fail(asked=watcher.asked, expected=f"{self.workload.name(call.new)} goes on where it left, at {before.returns_to:#010x}",
                    seen=f"not within {SWITCH_INSTRUCTIONS} instructions", hint=self.hint("switch-stack"))

    def put_back(self, call: Call, registers: Dict[str, int]) -> None:
        """The values that the kernel's own code left there."""
        self.guest.set_regs(**{name: call.registers[name] for name in CALLEE_SAVED},
                            eflags=registers["eflags"] & ~INTERRUPT | call.registers["eflags"] & INTERRUPT)
        self.guest.write(self.guest.pcr(), call.exception_list.to_bytes(4, "little"))


class Watcher:
    """What is looked for behind each instruction of one switch."""

    def __init__(self, carousel: Carousel, call: Call) -> None:
        self.carousel, self.t, self.guest, self.call = carousel, carousel.t, carousel.guest, call
        name = carousel.workload.name
        self.asked = f"each instruction of the switch from {name(call.old)} to {name(call.new)}"

    def bounds(self, thread: int) -> Tuple[int, int]:
        """Lowest and highest address of a thread's stack."""
        return self.guest.get(thread, "KTHREAD.StackLimit"), self.guest.get(thread, "KTHREAD.InitialStack")

    def process(self, thread: int) -> int:
        return self.guest.u32(thread + self.guest.field("KTHREAD.ApcState")[0] + self.guest.field("KAPC_STATE.Process")[0])

    def directory(self, thread: int) -> int:
        """CR3 of a thread's process."""
        return self.guest.u32(self.process(thread) + self.guest.field("KPROCESS.DirectoryTableBase")[0])

    def behind(self, registers: Dict[str, int]) -> None:
        raise NotImplementedError

    def ended(self, registers: Dict[str, int]) -> None:
        raise NotImplementedError


class Together(Watcher):
    """An interrupt must find everything of one thread: no interrupts from the first change to the last."""

    def __init__(self, carousel: Carousel, call: Call) -> None:
        super().__init__(carousel, call)
        guest = self.guest
        pcr = guest.pcr()
        self.words = {"fs:[0]": pcr, "StackBase": pcr + 4, "StackLimit": pcr + 8, "Esp0": guest.get(pcr, "KPCR.TSS") + 4}
        self.low, self.high = self.bounds(call.new)
        self.wanted = {"fs:[0]": carousel.left[call.new].exception_list, "StackBase": self.high, "StackLimit": self.low, "Esp0": self.high,
                       "CR3": self.directory(call.new)}
        old = {**{name: guest.u32(address) for name, address in self.words.items()}, "CR3": call.registers["cr3"]}
        self.differ = [name for name in self.wanted if old[name] != self.wanted[name]]  # the others cannot be told apart
        self.steps: List[Tuple[bool, List[str]]] = []  # interrupts on, and what had changed

    def behind(self, registers: Dict[str, int]) -> None:
        now = {**{name: self.guest.u32(address) for name, address in self.words.items()}, "CR3": registers["cr3"]}
        moved = [name for name in self.differ if now[name] == self.wanted[name]] + ["ESP"] * (self.low <= registers["esp"] <= self.high)
        self.steps.append((bool(registers["eflags"] & INTERRUPT), moved))

    def ended(self, registers: Dict[str, int]) -> None:
        """Something that never changes is another test's business."""
        for on, moved in self.steps[:-1]:
            behind = [name for name in self.steps[-1][1] if name not in moved]
            self.t.check(not on or not moved or not behind, asked=self.asked,
                         expected="interrupts off from the first change to the last of ESP, StackBase, StackLimit, Esp0, CR3 and fs:[0]",
                         seen=f"on, when {', '.join(moved)} had changed and {', '.join(behind)} had not",
                         hint=self.carousel.hint("switch-interrupts"))


class HandOver(Watcher):
    """SwapBusy is the last word about the old thread.  The host plays a processor that goes on with it at that very moment: the thread's
    fields and what lay on its stack become others, and go back to what they were when the switch has ended."""

    BELOW = 64  # bytes of the stack under the frame

    def __init__(self, carousel: Carousel, call: Call) -> None:
        super().__init__(carousel, call)
        self.before: bytes = b""  # of the thread, when it was handed over
        self.stack: bytes = b""
        self.now: bytes = b""  # what the other processor made of it
        self.name = carousel.workload.name(call.old)

    def behind(self, registers: Dict[str, int]) -> None:
        guest, old = self.guest, self.call.old
        if self.before:
            self.check(guest.read(old, len(self.now)) == self.now, f"nothing is written into {self.name} any more", "it was changed", "switch-busy-late")
        elif not guest.get(old, "KTHREAD.SwapBusy"):
            low, high = self.bounds(old)
            self.check(not low <= registers["esp"] <= high, f"SwapBusy of {self.name} is cleared when its stack is left",
                       f"it is cleared while ESP ({registers['esp']:#010x}) is on that stack", "switch-busy-early")
            self._judge_frame(low)
            self._go_on_elsewhere()

    def ended(self, registers: Dict[str, int]) -> None:
        guest, call = self.guest, self.call
        self.check(bool(self.before), f"SwapBusy of {self.name} is clear", "it is still set", "switch-swapbusy")
        guest.write(call.old, self.before)
        guest.write(call.esp + 4 - len(self.stack), self.stack)
        directory = self.directory(call.new)
        self.check(registers["cr3"] == directory, f"CR3 {directory:#010x}, of the new thread's process, although {self.name} runs elsewhere now",
                   f"CR3 {registers['cr3']:#010x}", "switch-busy-late")

    def _judge_frame(self, low: int) -> None:
        """All that another processor needs lies on the stack."""
        guest, call = self.guest, self.call
        frame = guest.get(call.old, "KTHREAD.KernelStack")
        self.check(low <= frame <= call.esp - 24, f"KernelStack of {self.name} is the address of its frame, below {call.esp:#010x}, when SwapBusy is cleared",
                   f"KernelStack {frame:#010x}", "switch-stack")
        wanted = [call.exception_list, call.registers["eflags"] & (LASTING | INTERRUPT),
                  *(call.registers[name] for name in ("edi", "esi", "ebx", "ebp")), call.returns_to]
        seen = [guest.u32(frame + 4 * index) for index in range(len(wanted))]
        seen[1] &= LASTING | INTERRUPT
        for name, one, other in zip(FRAME, wanted, seen):
            self.check(one == other, f"{name} {one:#010x} in the frame of {self.name} when SwapBusy is cleared", f"{other:#010x}", "switch-busy-early")

    def _go_on_elsewhere(self) -> None:
        guest, call = self.guest, self.call
        self.before = guest.read(call.old, guest.size("KTHREAD"))
        frame = guest.get(call.old, "KTHREAD.KernelStack") - self.BELOW
        self.stack = guest.read(frame, call.esp + 4 - frame)
        guest.write(frame, bytes(byte ^ 0x5A for byte in self.stack))
        for name in ("KernelStack", "InitialStack", "StackBase", "StackLimit", "ContextSwitches"):
            guest.set(call.old, f"KTHREAD.{name}", guest.get(call.old, f"KTHREAD.{name}") ^ 0x5A50)
        process = call.old + guest.field("KTHREAD.ApcState")[0] + guest.field("KAPC_STATE.Process")[0]
        guest.u32(process, self.process(call.new))  # a switch that compares the processes now finds them equal
        self.now = guest.read(call.old, len(self.before))

    def check(self, right: bool, expected: str, seen: str, hint: str) -> None:
        self.t.check(right, asked=self.asked, expected=expected, seen=seen, hint=self.carousel.hint(hint))


def words(t, count: int) -> List[int]:
    """Distinct random words."""
    return t.rng.sample(range(1, 1 << 32), count)
