"""GoogleTest binaries: the *_test.cpp beside the kernel's sources, built for the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator

from .base import Options, Outcome, Ring, compiler_errors, make, run, tail


class HostRing(Ring):
    def run(self, options: Options) -> "Iterator[Outcome]":
        options.say("compiling them first")
        built = make(options, "host-tests")
        if built.returncode:
            yield Outcome(self.name, "build", False, expected="the host tests build", seen=compiler_errors(built.stdout),
                          repeat="make -f kernel/build.mk host-tests")
            return
        for binary in sorted((options.out / "host").glob("*-tests")):
            yield from self.run_binary(binary, options)

    def run_binary(self, binary: Path, options: Options) -> "Iterator[Outcome]":
        report = binary.with_suffix(".json")
        report.unlink(missing_ok=True)
        command = [str(binary.resolve()), f"--gtest_output=json:{report}", "--gtest_brief=1"]
        if options.only:
            command.append(f"--gtest_filter={options.only}")
        if options.seed:
            command.append(f"--gtest_random_seed={options.seed}")
        done = run(command, timeout=300)
        if not report.exists():
            yield Outcome(self.name, binary.name, False, expected="the tests run to their end",
                          seen=f"exit status {done.returncode}\n{tail(done.stdout)}", repeat=str(binary))
            return
        said = json.loads(report.read_text())
        for suite in said["testsuites"]:
            for case in suite["testsuite"]:
                if case["status"] != "RUN":
                    continue
                failures = case.get("failures", [])
                name = f"{suite['name']}.{case['name']}"
                yield Outcome(self.name, name, not failures, expected="no failed expectation",
                              seen="\n".join(each["failure"] for each in failures), where=f"{case['file']}:{case['line']}",
                              repeat=f"{binary} --gtest_filter={name}")
