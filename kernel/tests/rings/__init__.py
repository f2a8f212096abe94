"""The rings of `make test`, in the order in which they run: cheap ones first."""

from .base import Options, Outcome, Ring
from .build import BuildRing
from .compile_fail import CompileFailRing
from .host import HostRing
from .program import ProgramRing
from .python import PythonRing

RINGS: "list[Ring]" = [
    BuildRing("build", "the kernel, free and checked"),
    CompileFailRing("compile-fail", "mistakes that the compiler must refuse"),
    HostRing("host", "concepts without hardware (GoogleTest)"),
    PythonRing("grader", "the grader's own tests (unittest)"),
    ProgramRing("guest", "the kernel's tests in QEMU", ["python3", "kernel/tests/guest/run.py"]),
    ProgramRing("bochs", "the disk image boots in Bochs", ["python3", "kernel/tests/bochs/run.py"]),
    ProgramRing("selfcheck", "labs: starter, reference, accepted, mistakes, cheaters",
                ["python3", "-m", "grader", "selfcheck", "--jsonl", "--jobs", "{jobs}"]),
]

__all__ = ["RINGS", "Options", "Outcome", "Ring"]
