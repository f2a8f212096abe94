"""`grade --emu bochs`: what can be said there.

Bochs has no snapshots and no way to inject a call from outside, so the labs' tests need QEMU.  What it proves is that
the disk boots on a second, unrelated machine: this boots the tree's own kernel to its debugger's prompt.
Exit code 0: it does, 1: it does not.  No points are given or taken.
"""

from __future__ import annotations

import argparse
import subprocess

from grader.commands.run import refuse_silence
from grader.console import PROMPT
from grader.console.machines import Boot, machine
from grader.errors import GraderError
from grader.report.text import for_terminal
from grader.tree import Tree

SECONDS = 180


def smoke(tree: Tree, options: argparse.Namespace, tests: int) -> int:
    """Builds the tree's kernel, boots its disk in Bochs and waits for the prompt."""
    if options.submission:
        raise GraderError("EMU=bochs boots the kernel of this tree only; grade a submission without EMU")
    done = subprocess.run(["make", "-s", "--no-print-directory", "-f", "kernel/build.mk", "kernel", f"O={tree.out}"],
                          cwd=tree.root, check=False)
    if done.returncode != 0:
        raise GraderError("the kernel does not build; correct what the compiler says above")
    with machine("bochs", Boot(tree.out / "free")) as started:
        said = started.read_until(PROMPT, SECONDS)
        refuse_silence(started)
    booted = PROMPT in said
    if not booted:
        print("\n".join(for_terminal(line) for line in said.decode("utf-8", "replace").splitlines()[-20:]))
    print(f"Bochs: the disk {'boots to the prompt' if booted else 'does not reach the prompt'}.")
    print(f"{tests} tests were not run: they call into the kernel from outside, which needs QEMU (leave EMU out).")
    return 0 if booted else 1
