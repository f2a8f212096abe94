"""The build as tests: the free and the checked kernel build without a word, and a second build does nothing."""

from __future__ import annotations

import time
from typing import Iterator

from .base import Options, Outcome, Ring, compiler_errors, make

NO_OP_SECONDS = 1.0
ATTEMPTS = 3  # the machine may be busy: the best of three counts


class BuildRing(Ring):
    def run(self, options: Options) -> "Iterator[Outcome]":
        if options.only:
            return
        for kind, checked in (("free", ""), ("checked", "1")):
            done = make(options, "kernel", MICA_CHECKED=checked)
            warnings = [line for line in done.stdout.splitlines() if ": warning:" in line]
            yield Outcome(self.name, f"build.{kind}", done.returncode == 0 and not warnings,
                          expected="the kernel builds without warnings",
                          seen=compiler_errors(done.stdout) if done.returncode else "\n".join(warnings[:12]),
                          repeat="make kernel" + (" MICA_CHECKED=1" if checked else ""))
        best = min(self.seconds_of_no_op(options) for _ in range(ATTEMPTS))
        yield Outcome(self.name, "build.nothing-to-do", best < NO_OP_SECONDS,
                      expected=f"a build with nothing to do takes less than {NO_OP_SECONDS:g} s", seen=f"{best:.2f} s",
                      repeat="make kernel; time make kernel")

    @staticmethod
    def seconds_of_no_op(options: Options) -> float:
        started = time.monotonic()
        make(options, "kernel")
        return time.monotonic() - started
