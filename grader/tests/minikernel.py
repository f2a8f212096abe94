"""The smallest kernel that kernel/build.mk builds: for tests of overlay builds and of the handout."""

from __future__ import annotations

import shutil
import unittest
from pathlib import Path

from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase

ROOT = Path(__file__).resolve().parents[2]

C_SOURCE = """#include "ke/ki.h"
extern "C" int {name}(int n) {{
    // LAB({exercise}) begin
    return {result};
    // LAB({exercise}) else
    //| return 0;
    // LAB({exercise}) end
}}
"""

SOURCES = {
    "kernel/ntos/rtl/crt/fltused.cpp":
    'extern "C" int _fltused = 1;\n',
    "kernel/ntos/ke/ki.h":
    '#pragma once\nextern "C" int KiReady(int), KiQuantum(int), KiSwitch();\n',
    "kernel/ntos/ntoskrnl.def":
    "EXPORTS\n    KeVersion\n",
    "kernel/hal/hal.def":
    "EXPORTS\n    HalStall\n",
    "kernel/ntos/init/start.cpp":
    '#include "../ke/ki.h"\nextern "C" __declspec(dllimport) int HalStall(int);\n'
    'extern "C" int KeVersion() { return 1; }\n'
    'extern "C" void __stdcall KiSystemStartup(void*) {\n'
    '    HalStall(KiReady(1) + KiQuantum(2) + KiSwitch());\n}\n',
    "kernel/hal/stall.cpp":
    'extern "C" __declspec(dllimport) int KeVersion();\n'
    'extern "C" int HalStall(int n) { return n + KeVersion(); }\n',
    READY: C_SOURCE.format(name="KiReady", exercise="1.1", result="n + 41"),
    QUANTUM: C_SOURCE.format(name="KiQuantum", exercise="1.2", result="n * 3"),
    SWITCH: ".globl _KiSwitch\n_KiSwitch:\n// LAB(1.2) begin\n    movl $7, %eax\n// LAB(1.2) else\n"
            "//|     xorl %eax, %eax\n// LAB(1.2) end\n    ret\n",
}

COPIED = ("kernel/build.mk", "kernel/student.mk", "kernel/boot/seal.py")


@unittest.skipUnless(shutil.which("clang++") and shutil.which("lld-link"), "needs clang and lld")
class KernelCase(TreeCase):
    """A test with a kernel that builds."""

    def setUp(self) -> None:
        super().setUp()
        for name, text in SOURCES.items():
            self.put(name, text)
        self.put("kernel/boot/boot.mk", "PYTHON ?= python3\n")
        for name in COPIED:
            shutil.copy(ROOT / name, self.tree.root / name)
        shutil.copytree(ROOT / "grader", self.tree.root / "grader", ignore=shutil.ignore_patterns("__pycache__"))
        self.belongs(*COPIED,
                     *(path.relative_to(self.tree.root).as_posix() for path in (self.tree.root / "grader").rglob("*") if path.is_file()))
