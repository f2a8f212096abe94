"""run.py: runs the guest tests in QEMU, one JSON line a test (kernel/tests/rings/program.py says its form).

Every driver of kernel/tests/guest is booted once on each of its machines; every test starts from the snapshot of the ready
stage, is called by injection, and is judged from what it left in GuestResult, or from the bugcheck that it announced.
A driver names its machines in the head of a source, a line for each (grader/machine/parts.py has the words); a driver without a
line runs on the usual one:

    // machine: memory=16 pagefile=32
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.errors import GraderError, InfraError  # noqa: E402
from grader.guest import Guest  # noqa: E402
from grader.guest.session import BootFailure, Session  # noqa: E402
from grader.guest.stops import Bugcheck, GuestStop  # noqa: E402
from grader.machine.parts import Machine, parse  # noqa: E402
from grader.machine.qemu import GuestEnd  # noqa: E402

HERE = Path(__file__).resolve().parent
LIMIT = 400_000_000  # guest instructions of one test
VIRTUAL_SECONDS = 60.0
TICK = 10_000  # microseconds
ENTRY_SIZE = 20
FEATURE = re.compile(r"\b[A-Z]{3}-\d{2}\b")
TEST = re.compile(r"^GUEST_TEST(?:_BUGCHECK)?\((\w+)")
MACHINE = re.compile(r"^// machine: (.*)$", re.MULTILINE)
PIC = "/HAL=PIC"
NOT_DRIVERS = ("bench",)  # has routines to measure, no tests


@dataclass(frozen=True)
class GuestTest:
    """An entry of a driver's table."""

    driver: str
    name: str
    routine: int
    bugcheck: int
    where: str

    @property
    def full_name(self) -> str:
        return f"{self.driver}.{self.name}"


def drivers(build: Path) -> List[str]:
    """The test drivers that have a table of tests: a source of theirs includes guest_main.h."""
    names = []
    for source in sorted(HERE.glob("*.cpp")) + sorted(HERE.glob("*/*.cpp")):
        name = source.stem if source.parent == HERE else source.parent.name
        if "guest_main.h" in source.read_text() and name not in NOT_DRIVERS:
            names.append(name)
    missing = [name for name in names if not (build / "boot" / f"{name}.sys").exists()]
    if missing:
        raise GraderError(f"{missing[0]}.sys is not built; run `make kernel`")
    return names


def features() -> "dict[str, List[str]]":
    """Feature IDs by test name: from the comment lines right above a test, and from a file's head for all of its tests."""
    found: "dict[str, List[str]]" = {}
    for source in [*HERE.glob("*.cpp"), *HERE.glob("*/*.cpp"), *HERE.glob("*/*.inc")]:
        head: List[str] = []
        above: List[str] = []
        seen_code = False
        for line in source.read_text().splitlines():
            test = TEST.match(line)
            if test:
                found[test[1]] = sorted({*head, *above})
            if line.startswith("//"):
                above += FEATURE.findall(line)
                if not seen_code:
                    head += FEATURE.findall(line)
            else:
                seen_code, above = True, []
    return found


def sources(driver: str) -> List[Path]:
    """A driver's sources: one file, or those of a folder."""
    return [one for one in (HERE / f"{driver}.cpp", *sorted((HERE / driver).glob("*.cpp"))) if one.exists()]


def machines(driver: str, processors: int) -> List[Machine]:
    """The machines of a driver in a run on so many processors; one that says how many it has is the same in every run."""
    lines = [line for source in sources(driver) for line in MACHINE.findall(source.read_text())]
    return [parse(line).on(processors) for line in lines] or [Machine(processors=processors)]


def with_pic(machine: Machine) -> Machine:
    return dataclasses.replace(machine, options=f"{machine.options} {PIC}".lstrip())


def table(guest: Guest, driver: str) -> List[GuestTest]:
    """The tests of the loaded driver; the linker may pad between entries with zeros."""
    tests, end = [], guest.sym("GuestTestLast")
    address = guest.sym("GuestTestFirst") + ENTRY_SIZE
    while address < end:
        name, routine, bugcheck, path, line = (guest.u32(address + 4 * index) for index in range(5))
        if name == 0:
            address += 4
            continue
        tests.append(GuestTest(driver, guest.text(name), routine, bugcheck, f"{guest.text(path)}:{line}"))
        address += ENTRY_SIZE
    return tests


def judge(guest: Guest, test: GuestTest) -> "Optional[tuple[str, str, str]]":
    """Runs a test. Returns None if it passed, else (expected, seen, where)."""
    wanted = f"bugcheck {test.bugcheck:#x}" if test.bugcheck else "the test returns with every check met"
    try:
        guest.call(test.routine)
    except Bugcheck as stop:
        if test.bugcheck and stop.code == test.bugcheck:
            return None
        return wanted, "\n".join([str(stop), *guest.backtrace(stop.registers)]), test.where
    except GuestStop as stop:
        lines = guest.backtrace(stop.registers) if stop.registers else []
        return wanted, "\n".join([str(stop), *lines]), test.where
    except GuestEnd as end:
        return wanted, f"the machine ended: {end}", test.where
    if test.bugcheck:
        return wanted, "the test returned", test.where
    result = guest.sym("GuestResult")
    checks, failures, what, path, line, _ = (guest.u32(result + 4 * index) for index in range(6))
    if failures:
        expected, seen = guest.u64(result + 24), guest.u64(result + 32)
        return (f"{guest.text(what)} ({expected:#x})", f"{seen:#x}; {failures} of {checks} checks failed",
                f"{guest.text(path)}:{line}")
    return None if checks else ("at least one check", "none was made", test.where)


@dataclass(frozen=True)
class Plan:
    """What all machines of a run have in common, and which tests they run."""

    build: Path
    only: str
    single_step: bool
    seed: str
    checked: bool
    named: "dict[str, List[str]]"

    def folder(self, machine: Machine) -> Path:
        """The kernel that a machine boots."""
        return self.build.parent / machine.flavour if machine.flavour else self.build

    def chosen(self, test: GuestTest) -> bool:
        return not self.only or fnmatch.fnmatch(test.full_name, self.only)

    def repeat(self, test: GuestTest, machine: Machine) -> str:
        told = " --checked" * self.checked + f" --single-step --seed {self.seed}" * self.single_step
        told += " --pic" * (PIC in machine.options)
        return f"python3 kernel/tests/guest/run.py --only '{test.full_name}' --smp {machine.processors}{told}"


def step_singly(session: Session) -> None:
    """From now on interrupts come between any two instructions, and not between translated blocks only."""
    if all(session.machine.qmp.monitor(f"{command} on") for command in ("one-insn-per-tb", "singlestep")):
        raise GraderError("this QEMU knows no single steps; take another one")


def begin(session: Session, plan: Plan, test: GuestTest) -> Guest:
    """Back to the ready stage.  With single steps the test begins a while later that the seed says (a clock tick at most), so
    that the clock comes at other instructions of it."""
    guest = Guest(session)
    guest.begin(session.restore("ready"), LIMIT, VIRTUAL_SECONDS)
    guest.arm()
    if plan.single_step:
        guest.call("KeStallExecutionProcessor", random.Random(f"{plan.seed} {test.full_name}").randrange(TICK))
    return guest


def run_driver(plan: Plan, driver: str, machine: Machine) -> Iterator[dict]:
    """Boots a driver on a machine and runs its tests.  Those on another than the usual machine are named apart."""
    named, processors = plan.named, machine.processors
    suffix = machine.label + ",steps" * plan.single_step
    with Session(plan.folder(machine), f"{driver}.sys", machine) as session:
        session.boot(Guest(session))
        try:
            session.restore("ready")
        except BootFailure as failure:
            yield {"name": f"{driver}.boot{suffix}", "ok": False, "expected": "the kernel boots to the ready stage",
                   "seen": f"{failure.cause}\n{session.machine.read_serial().decode(errors='replace')[-2000:]}"}
            return
        guest = Guest(session)
        up = guest.u8(guest.sym("KeNumberProcessors"))
        if up != (1 if PIC in machine.options else processors):
            yield {"name": f"{driver}.processors{suffix}", "ok": False, "expected": f"{processors} processors", "seen": str(up)}
        tests = table(guest, driver)
        if not tests:
            yield {"name": f"{driver}.table{suffix}", "ok": False, "expected": "a table of tests", "seen": "it is empty"}
        if plan.single_step:
            step_singly(session)
        for test in filter(plan.chosen, tests):
            failure = judge(begin(session, plan, test), test)
            line = {"name": test.full_name + suffix, "ok": failure is None, "features": named.get(test.name, []), "where": test.where}
            if failure:
                line.update(expected=failure[0], seen=failure[1], where=failure[2], repeat=plan.repeat(test, machine))
            yield line


def make(out: Path, flavour: str) -> None:
    """Brings a flavour of the kernel up to date.  The explored one has no guest tests: their folder holds its scenarios."""
    if flavour == "explore":
        raise GraderError("guest tests are for the free and the checked kernel; scenarios run on the explored one")
    subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel", f"O={out}", "MICA_CHECKED=" + "1" * (flavour == "checked"),
                    "MICA_EXPLORE="], cwd=ROOT, check=True, stdout=sys.stderr)


def may_hold(driver: str, only: str) -> bool:
    """Whether a test `driver.name` can match the glob: what is in front of its first wildcard decides."""
    literal, name = re.split(r"[*?[]", only, maxsplit=1)[0], f"{driver}."
    return literal.startswith(name) or name.startswith(literal)


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", default="", metavar="GLOB", help="only tests of that name, e.g. 'waits.*'")
    parser.add_argument("--checked", action="store_true", help="the checked build, with its assertions")
    parser.add_argument("--smp", default="1", metavar="N,N", help="numbers of processors, e.g. 1,2,4")
    parser.add_argument("--pic", action="store_true", help="with the PIC and the PIT instead of the APICs")
    parser.add_argument("--single-step", action="store_true", help="interrupts come between any two instructions")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N drivers, which the seed chooses")
    parser.add_argument("--seed", default="", help="of --sample, and of when the clock comes with --single-step")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    build = ROOT / arguments.out / ("checked" if arguments.checked else "free")
    make(arguments.out, build.name)
    plan = Plan(build, arguments.only, arguments.single_step, arguments.seed or "0", arguments.checked, features())
    wanted = [name for name in drivers(build) if may_hold(name, arguments.only)]
    if 0 < arguments.sample < len(wanted):
        wanted = random.Random(plan.seed).sample(wanted, arguments.sample)
    jobs = list(dict.fromkeys((driver, with_pic(machine) if arguments.pic else machine) for number in arguments.smp.split(",")
                              for driver in wanted for machine in machines(driver, int(number))))
    for flavour in sorted({machine.flavour for _, machine in jobs} - {"", build.name}):
        make(arguments.out, flavour)
    ok, ran = True, 0

    def work(job: "tuple[str, Machine]") -> List[dict]:
        driver, machine = job
        for last in (False, True):  # an infra-error is retried once
            try:
                return list(run_driver(plan, driver, machine))
            except InfraError as error:
                if last:
                    return [{"name": f"{driver}.machine", "ok": False, "expected": "QEMU runs", "seen": str(error)}]
        return []

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for lines in pool.map(work, jobs):
            for line in lines:
                ok, ran = ok and line["ok"], ran + 1
                print(json.dumps(line), flush=True)
    if not ran:
        print(f"no test is called '{arguments.only}'; the drivers are: {', '.join(drivers(build))}", file=sys.stderr)
        return 2
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (GraderError, subprocess.CalledProcessError) as error:
        print(f"guest tests: {error}", file=sys.stderr)
        sys.exit(2)
