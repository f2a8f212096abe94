"""Catching context switches from outside: the call of KiSwapContext, and the same thread's return from it.

The host stops a thread at the first instruction of the switch, puts values of its own into registers, flags and the
exception chain, and looks at them when that thread runs again.  Then it puts the old ones back, so that the kernel goes
on as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from .scheduler import SIGNAL, WAIT, Thread
from .workload import Workload

CALLEE_SAVED = ("ebx", "esi", "edi", "ebp")
# Flags that no arithmetic touches, so that a switch may compute before it saves them; the kernel itself has them clear.
INTERRUPT, PRIVILEGE, ALIGNMENT, IDENTIFICATION = 1 << 9, 3 << 12, 1 << 18, 1 << 21
SWITCH_INSTRUCTIONS = 1000  # many times what a switch takes
LASTING = PRIVILEGE | ALIGNMENT | IDENTIFICATION


HINTS = {
    "frame-layout": "The first frame must be a KSTART_FRAME directly below InitialStack and a KSWITCH_FRAME directly below that, as in "
                    "the figure; KernelStack is the address of the switch frame.",
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
    "switch-stack": "The thread does not come back to where it left: ESP is saved in OldThread->KernelStack and loaded from "
                    "NewThread->KernelStack, and as many words are popped as were pushed.",
    "switch-bounds": "The stack's limits follow the thread: StackBase and StackLimit of the KPCR, and Esp0 of the TSS.",
    "switch-interrupts": "An interrupt that comes here finds the stack of one thread with what belongs to the other: switch interrupts off before the "
                         "first of ESP, the bounds, Esp0, CR3 and fs:[0] changes, and let popfl switch them on when the last has changed.",
    "switch-cr3-always": "CR3 was loaded although both threads run in one process: every load throws away the TLB. Compare "
                         "ApcState.Process first.",
    "switch-cr3-never": "The new thread runs in another process: load CR3 from its DirectoryTableBase.",
    "switch-swapbusy": "OldThread->SwapBusy must be clear when its stack is left, or nobody can ever switch to it again.",
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

    def steps_through(self, call: Call) -> None:
        """Instruction by instruction to where the new thread goes on: an interrupt must find everything of one thread."""
        guest, before = self.guest, self.left[call.new]
        tss = guest.get(guest.pcr(), "KPCR.TSS")
        words = {"fs:[0]": guest.pcr(), "StackBase": guest.pcr() + 4, "StackLimit": guest.pcr() + 8, "Esp0": tss + 4}
        low, high = (guest.get(call.new, f"KTHREAD.{name}") for name in ("StackLimit", "InitialStack"))
        wanted = {"fs:[0]": before.exception_list, "StackBase": high, "StackLimit": low, "Esp0": high}
        differ = [name for name in words if guest.u32(words[name]) != wanted[name]]  # the others cannot be told apart
        asked = f"each instruction of the switch from {self.workload.name(call.old)} to {self.workload.name(call.new)}"
        self.t.asking(asked, hint=self.hint("switch-frame"))
        steps: List[Tuple[bool, List[str]]] = []  # interrupts on, and what had changed
        for _ in range(SWITCH_INSTRUCTIONS):
            registers = guest.step()
            moved = [name for name in differ if guest.u32(words[name]) == wanted[name]] + ["ESP"] * (low <= registers["esp"] <= high)
            if registers["eip"] == before.returns_to:
                self._judge_steps(asked, steps, moved)
                return
            steps.append((bool(registers["eflags"] & INTERRUPT), moved))
        self.t.fail(asked=asked, expected=f"{self.workload.name(call.new)} goes on where it left, at {before.returns_to:#010x}",
                    seen=f"not within {SWITCH_INSTRUCTIONS} instructions", hint=self.hint("switch-stack"))

    def _judge_steps(self, asked: str, steps: Sequence[Tuple[bool, List[str]]], changed: List[str]) -> None:
        """`changed`: what has changed in the end.  Something that never does is another test's business."""
        for on, moved in steps:
            behind = [name for name in changed if name not in moved]
            self.t.check(not on or not moved or not behind, asked=asked,
                         expected="interrupts off from the first change to the last of ESP, StackBase, StackLimit, Esp0 and fs:[0]",
                         seen=f"on, when {', '.join(moved)} had changed and {', '.join(behind)} had not", hint=self.hint("switch-interrupts"))

    def put_back(self, call: Call, registers: Dict[str, int]) -> None:
        """The values that the kernel's own code left there."""
        self.guest.set_regs(**{name: call.registers[name] for name in CALLEE_SAVED},
                            eflags=registers["eflags"] & ~INTERRUPT | call.registers["eflags"] & INTERRUPT)
        self.guest.write(self.guest.pcr(), call.exception_list.to_bytes(4, "little"))


def words(t, count: int) -> List[int]:
    """Distinct random words."""
    return t.rng.sample(range(1, 1 << 32), count)
