"""The rings of `make test`, in the order in which they run: cheap ones first."""

from .base import Options, Outcome, Ring, Skipped
from .build import BuildRing
from .compile_fail import CompileFailRing
from .host import HostRing
from .program import ProgramRing
from .python import PythonRing

STEPS = ["python3", "kernel/tests/guest/run.py", "--checked", "--single-step", "--smp", "4"]

RINGS: "list[Ring]" = [
    BuildRing("build", "the kernel, free and checked"),
    CompileFailRing("compile-fail", "mistakes that the compiler must refuse"),
    HostRing("host", "concepts without hardware (GoogleTest)"),
    PythonRing("grader", "the grader's own tests (unittest)"),
    ProgramRing("abi", "the public binary interface, against the DDK headers of mingw-w64", ["python3", "kernel/tests/abi/run.py"]),
    ProgramRing("mingw", "programs that mingw-w64 compiles of its own headers, run unchanged", ["python3", "kernel/tests/mingw/run.py"]),
    ProgramRing("thirdparty", "programs that nobody here wrote, of Debian's source packages, run unchanged",
                ["python3", "kernel/tests/thirdparty/run.py", "--jobs", "{jobs}"]),
    ProgramRing("guest", "the kernel's tests in QEMU, on 1, 2 and 4 processors", ["python3", "kernel/tests/guest/run.py", "--smp", "1,2,4"]),
    ProgramRing("steps", "guest tests with interrupts between any two instructions: those of a few drivers, by the seed", [*STEPS, "--sample", "3"]),
    ProgramRing("console", "the disk image and the debugger's prompt in QEMU",
                ["python3", "kernel/tests/console/run.py", "--emu", "qemu"]),
    ProgramRing("bochs", "the same in Bochs, and guest tests by themselves",
                ["python3", "kernel/tests/console/run.py", "--emu", "bochs"]),
    ProgramRing("selfcheck", "labs: starter, reference, accepted, cheaters, and the mistakes that the commit draws; of these rows the tests that they name, and others",
                ["python3", "-m", "grader", "selfcheck", "--jsonl", "--sample", "--jobs", "{jobs}"]),
]

# What takes too long for every change: `make soak`.
LONG_RINGS: "list[Ring]" = [
    ProgramRing("schedules", "the kernel's own scenarios, with preemption points in all of ke and ex", ["python3", "kernel/tests/scenarios/run.py"]),
    ProgramRing("memory", "a million random operations on virtual memory, against a model", ["python3", "-m", "kernel.tests.python.vmstress"]),
    ProgramRing("failures", "each of 2,000 allocations of a mixed work fails in turn", ["python3", "-m", "kernel.tests.python.injection"]),
    ProgramRing("hostile", "100,000 random calls of services with hostile arguments; 5,000 programs that are killed at any moment", ["python3", "-m", "kernel.tests.python.hostile"]),
    ProgramRing("steps", "all guest tests with interrupts between any two instructions", STEPS),
]

__all__ = ["LONG_RINGS", "RINGS", "Options", "Outcome", "Ring", "Skipped"]
