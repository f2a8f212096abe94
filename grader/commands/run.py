"""`run`: the kernel in an emulator, its shell on this terminal; with --monitor the kernel debugger's prompt."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from grader import labs
from grader.commands.options import number
from grader.console import PROMPT, SHELL, STOP, terminal
from grader.console.backtrace import Annotate, Names
from grader.console.machines import Boot, machine
from grader.errors import GraderError
from grader.machine.parts import Machine, page_file
from grader.tree import Tree

PROBE_SECONDS = 120
PAGE_FILE_MB = 64
LEAST_MB, MOST_MB = 8, 3584  # what the kernel can use
_UNWRITTEN = re.compile(rb"^exercise ([0-9.]+) is not implemented: ([\w./-]+:[0-9]+)\r?$", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `run`, which `gdb` shares."""
    parser.add_argument("--emu", default="qemu", choices=("qemu", "bochs"), help="the emulator")
    parser.add_argument("--smp", default="1", metavar="N", help="processors")
    parser.add_argument("--memory", default="", metavar="MB", help="how much memory the machine has (default 64)")
    parser.add_argument("--seed", default="", metavar="N", help="the /SEED boot option")
    parser.add_argument("--append", default="", metavar="OPTIONS", help="more boot options, for example /HAL=PIC")
    parser.add_argument("--gui", action="store_true", help="show the screen in a window")
    parser.add_argument("--checked", action="store_true", help="the checked build")
    parser.add_argument("--probe", action="store_true", help="only boot to the prompt, say so, and leave")
    parser.add_argument("--monitor", action="store_true", help="without programs: boot to the kernel debugger's prompt")


def boot_of(tree: Tree, options: argparse.Namespace, programs: bool = False) -> Boot:
    processors = number(options.smp, "SMP", 1) or 1
    memory = number(options.memory, "MEMORY", LEAST_MB, MOST_MB) or Machine().memory_mb
    words = options.append.split()
    seed = number(options.seed, "SEED")
    if seed is not None:
        words.append(f"/SEED={seed}")
    if processors > 1:
        words.append(f"/SMP={processors}")
    seeded = any(word.startswith("/SEED=") for word in words)
    more = tuple(lab.driver for lab in labs.manifests(tree.root) if seeded and lab.seed and lab.driver)  # the questions' trap is in it
    return Boot(folder(tree, options.checked), " ".join(words), Machine(memory_mb=memory, processors=processors, disks=(page_file(PAGE_FILE_MB, "ide"),)),
                window=options.gui, more=more, programs=programs)


def folder(tree: Tree, checked: bool) -> Path:
    return tree.out / ("checked" if checked else "free")


def run(tree: Tree, options: argparse.Namespace) -> int:
    boot = boot_of(tree, options, programs=not options.monitor)
    with machine(options.emu, boot) as started:
        if options.probe:
            return probe(started, SHELL if boot.programs else PROMPT)
        if sys.stdin.isatty():
            monitor = "Ctrl-] calls the kernel's monitor, " if boot.programs else ""
            print(f"Mica in {options.emu}. Type help at the prompt; {monitor}Ctrl-A X leaves.", flush=True)
        terminal.tie(started, Annotate(Names(boot.folder)), stays=boot.window)
        if sys.stdin.isatty():
            print()
        refuse_silence(started)
    return 0


def refuse_silence(started) -> None:
    """An emulator that gave up at once is no machine that was left."""
    trouble = started.trouble()
    if trouble:
        raise GraderError(f"{trouble}; `make doctor` tries the emulators")


def probe(started, prompt: bytes) -> int:
    said = started.read_until(prompt, PROBE_SECONDS)
    if prompt in said:
        print("boots to the shell's prompt" if prompt == SHELL else "boots to the debugger's prompt")
        return 0
    refuse_silence(started)
    unwritten = _UNWRITTEN.search(said)
    if unwritten and STOP in said:
        print(f"starts, and stops at exercise {unwritten[1].decode()}, which is not written yet ({unwritten[2].decode()})")
        return 0
    tail = said.decode(errors="replace").strip().splitlines()[-6:]
    raise GraderError("no prompt came; the machine said: " + (" / ".join(tail) or "nothing"))
