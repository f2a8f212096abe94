"""Scattered code: the same steps in another order and form, refused where that is not certain, and found where it is missing."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, Tuple

from grader.errors import GraderError
from grader.handout.hardened import harden, scatter, scatter_of_loader
from grader.handout.scatter import CONDITIONS, LABEL, REGISTERS, scattered
from grader.images.disassembly import instructions
from grader.leaks.natural import runs

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("clang++", "llvm-objdump", "llvm-objcopy")
TARGET = ("clang++", "--target=i686-pc-windows-msvc", "-march=i686", "-mno-incremental-linker-compatible")
LISTING = """
    .text
    .globl _first
_first:
    pushl %ebp
    movl %esp, %ebp
    pushl %esi
    movl 8(%ebp), %esi
    testl %esi, %esi
    je .Lnone
    movl 4(%esi), %eax
    addl %eax, (%esi)
    sti
    hlt
    call _other
    movl %eax, %edx
    lock
    incl (%edx)
.Lnone:
    pushl $7
    popl %eax
    popl %esi
    popl %ebp
    ret
    .globl _second
_second:
    xorl %eax, %eax
    call _other
"""
CXX = r"""
extern "C" int other(int);
struct Guard { int was = other(1); ~Guard() { other(was); } };
inline __declspec(noinline) int shared(int n) { Guard guard; return other(n) * 3; }
static volatile int calls; // zeros: a directive among the instructions
extern "C" int first(int* place, int n) {
    calls = calls + 1;
    for (int i = 0; i < n; i++) {
        asm volatile("pushfl\n\tcli\n\tpopfl" ::: "memory");
        place[i] += shared(i) ? other(place[i + 1]) : -place[n - i];
    }
    switch (n) { case 1: return other(5); case 2: return other(8); case 3: return place[4]; case 4: return place[9] + n; case 5: return 77; }
    __try { place[3] = place[place[2]]; } __except (1) { return other(6); }
    return place[1];
}
"""
Paths = Dict[str, List[str]]


class Followed:
    """A scattered listing, read as the processor reads it: from label to label.  `pieces`: label -> what stands behind it."""

    def __init__(self, text: str) -> None:
        self.lines = [line.strip() for line in text.splitlines()]
        self.places = {line[:-1]: number for number, line in enumerate(self.lines) if line.endswith(":") and not line.startswith(".")}

    def path(self, name: str, chance: random.Random, most: int = 10_000) -> List[str]:
        """The natural instructions from a name on; of two ways to a piece, any.  Ends with the routine's own last step."""
        found: List[str] = []
        place = self.places[name]
        while len(found) < most:
            line = self.lines[place]
            place += 1
            way = re.match(rf"j(mp|{'|'.join(CONDITIONS)}) ({re.escape(LABEL)}\d+\.\d+c?)$", line)
            if way and (way[1] == "mp" or chance.random() < 0.5):
                place = self.places[way[2]]
            elif line.endswith(":") or way or line.startswith("#"):
                continue
            elif line.startswith("leal -4(%esp), %esp") and self.lines[place].startswith("movl "):
                found.append("pushl " + self.lines[place][5:].rpartition(", (%esp)")[0])
                place += 1
            elif line.startswith("movl (%esp), ") and self.lines[place] == "leal 4(%esp), %esp":
                found.append("popl " + line.rpartition(" ")[2])
                place += 1
            elif re.match(r"leal \(%\w+\), %\w+$", line):
                copied = re.findall(r"%\w+", line)
                if self.lines[place] == f"movl ({copied[1]}), {copied[1]}":
                    found.append(f"movl ({copied[0]}), {copied[1]}")
                    place += 1
                else:
                    found.append(f"movl {copied[0]}, {copied[1]}")
            elif line.startswith("leal ") and self._loads(line, self.lines[place]):
                found.append("movl " + line[5:])
                place += 1
            else:
                found.append(line)
                if re.match(r"(ret|jmp|int3)", line):
                    break
        return found

    @staticmethod
    def _loads(line: str, following: str) -> bool:
        register = line.rpartition(" ")[2]
        return following == f"movl ({register}), {register}"


def natural(text: str) -> Paths:
    """Label -> the instructions behind it as they are written, up to the first that leads elsewhere for good."""
    found: Paths = {}
    waiting: List[str] = []
    code = True
    for line in (re.sub(r"(?<![\w.])\.L(?=\w)", LABEL, one.strip()) for one in text.splitlines()):
        routine = line.endswith(":") and not line.lstrip('"').startswith("L")
        section = re.match(r"\.(section|text|bss|data)", line)
        code = line.startswith(".text") or '"xr' in line if section else code
        if routine or section:
            for name in waiting:
                found[name].append(f"jmp {line[:-1]}" if routine else "int3")  # where a call does not come back
            waiting = []
        if line.endswith(":") and code:
            found[line[:-1]] = []
            waiting.append(line[:-1])
        elif line and not line.startswith((".", "#")):
            for name in waiting:
                found[name].append(line)
            waiting = [] if re.match("(ret|jmp)", line) else waiting
    return {name: lines for name, lines in found.items() if lines and lines[0] != "int3"}


def shaped(line: str) -> str:
    """Spaces do not count."""
    return re.sub(r"\s+", " ", line)


class Text(unittest.TestCase):
    """What becomes of a listing."""

    def check(self, text: str, rounds: int = 20) -> None:
        """Every way through the scattered routine, jumps of its own aside, does what the natural one does, in its order."""
        followed, chance = Followed(scattered(text, "x")), random.Random(1)
        for name, expected in natural(text).items():
            for _ in range(rounds):
                seen = [shaped(line) for line in followed.path(name, chance)]
                wanted = [shaped(line) for line in expected]
                self.assertEqual(seen[:len(wanted)], wanted, name)

    def test_the_steps_and_their_order_are_kept(self) -> None:
        for number in range(40):
            self.check(LISTING.replace("$7", f"${number}"))  # other text, other choices

    def test_equal_listings_give_equal_results(self) -> None:
        self.assertEqual(scattered(LISTING, "a"), scattered(LISTING, "b"))
        self.assertNotEqual(scattered(LISTING, "a"), scattered(LISTING.replace("$7", "$8"), "a").replace("$8", "$7"))

    def test_what_must_stay_together_does(self) -> None:
        for number in range(40):
            text = scattered(LISTING.replace("$7", f"${number}"), "x")
            self.assertIn("sti\nhlt\n", text)
            self.assertIn("lock\nincl (%edx)\n", text)
            self.assertIn("pushl %ebp\nmovl %esp, %ebp\n", text)
            self.assertEqual(text.count("call _other"), 2)

    def test_a_routine_falls_into_the_next_as_before(self) -> None:
        text = scattered(".text\n_one:\n incl %eax\n_two:\n ret\n", "x")
        self.assertEqual(Followed(text).path("_one", random.Random(1))[-1], "jmp _two")

    def test_data_and_inline_assembly_stay_as_they_are(self) -> None:
        block = "#APP\n1: jmp 1b; nop\n.pushsection .x\n#NO_APP"
        text = scattered(f'.text\n_one:\n{block}\n ret\n.section .rdata,"dr"\nLJTI0_0:\n .long LBB0_1\n .asciz "call me: ret"\n', "x")
        self.assertIn("#APP\n1: jmp 1b; nop\n.pushsection .x\n#NO_APP", text)
        self.assertIn('LJTI0_0:\n .long LBB0_1\n .asciz "call me: ret"', text)

    def test_what_is_unknown_is_refused(self) -> None:
        for line in (".long 5", ".rept 3", "jecxz .Lnone", "loop .Lnone", "jmp 1b", "jmp .+4", "incl %eax; incl %ebx", "1:", "foo: ret"):
            with self.assertRaisesRegex(GraderError, "cannot be scattered", msg=line):
                scattered(f".text\n_one:\n incl %eax\n{line}\n ret\n", "x")
        with self.assertRaisesRegex(GraderError, "without a name"):
            scattered(".text\n ret\n", "x")

    def test_data_alone_stays(self) -> None:
        self.assertEqual(scattered(".data\n_x:\n .long 5\n", "x"), ".data\n_x:\n .long 5\n")

    def test_decoys_name_nothing(self) -> None:
        text = scattered('.text\n_one:\n movl $"L__ehtable$x", %eax\n movl _Table, %ecx\n ret\n', "x")
        self.assertNotRegex(text, rf"{re.escape(LABEL)}\d+\.\d+d:")
        self.assertEqual(len(REGISTERS), 6)


@unittest.skipUnless(all(map(shutil.which, TOOLS)), f"needs {', '.join(TOOLS)}")
class Objects(unittest.TestCase):
    """The kernel's own sources."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mica-scatter-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)

    def test_compiled_code_keeps_its_steps(self) -> None:
        """A source with unwinding tables, a COMDAT routine, inline assembly and a handler: from each label on, any way."""
        text = subprocess.run([*TARGET, "-O2", "-fms-extensions", "-fexceptions", "-ffreestanding", "-fno-verbose-asm", "-S", "-x", "c++", "-",
                               "-o", "-"], input=CXX, capture_output=True, text=True, check=True).stdout
        self.assertIn("#APP", text)
        self.assertIn(".lcomm", text)
        self.assertIn("discard", text)
        Text.check(self, text)  # type: ignore[arg-type]

    def made(self, name: str) -> Tuple[Path, Path]:
        """(object, listing) of a source, as kernel/build.mk makes them."""
        target, listing = self.home / (Path(name).name + ".obj"), self.home / (Path(name).name + ".s")
        flags = ["-I", str(ROOT / "kernel/inc"), "-I", str(ROOT / "kernel/ntos")]
        for more in (["-c", "-g"], ["-E", "-P"]):
            subprocess.run([*TARGET, *flags, *more, str(ROOT / name), "-o", str(target if "-c" in more else listing)], check=True)
        return target, listing

    def test_the_answer_in_assembly_is_not_shipped_as_it_is_written(self) -> None:
        target, listing = self.made("kernel/ntos/ke/i386/ctxswap.S")
        own = set(runs(instructions(target.read_bytes())))
        harden(target, self.home / "plain.obj")
        scatter(target, listing, self.home / "new.obj")
        self.assertTrue(own & set(runs(instructions((self.home / "plain.obj").read_bytes()))))
        self.assertFalse(own & set(runs(instructions((self.home / "new.obj").read_bytes()))))

    def test_an_object_of_the_boot_loader_is_scattered_too(self) -> None:
        """Another format: its table of symbols has what the linker needs, and no name of a piece."""
        name, made, listing, new = "kernel/ntos/rtl/pe/relocate.cpp", self.home / "relocate.o", self.home / "relocate.s", self.home / "new.o"
        flags = ["clang++", "--target=i686-unknown-none-elf", "-march=i686", "-std=c++20", "-Os", "-ffreestanding", "-fno-rtti", "-fno-exceptions",
                 "-fno-asynchronous-unwind-tables", "-I", str(ROOT / "kernel/inc"), str(ROOT / name)]
        subprocess.run([*flags, "-c", "-g", "-o", str(made)], check=True)
        subprocess.run([*flags, "-S", "-fno-verbose-asm", "-o", str(listing)], check=True)
        own = set(runs(instructions(made.read_bytes())))
        scatter_of_loader(made, listing, new)
        self.assertTrue(own)
        self.assertFalse(own & set(runs(instructions(new.read_bytes()))))
        seen = subprocess.run(["llvm-nm", "--format=posix", str(new)], capture_output=True, text=True, check=True).stdout.split()[::2]
        self.assertEqual([], [one for one in seen if "Lm." in one or "relocate" in one])
        self.assertIn("_ZN2nt10PeRelocateERNS_7PeImageERKNS_9PeHeadersEjPNS_7PeErrorE", seen)

    def test_a_listing_of_other_code_is_refused(self) -> None:
        target, listing = self.made("kernel/ntos/ke/i386/ctxswap.S")
        listing.write_text(listing.read_text().replace("incl", "decl", 1))
        with self.assertRaisesRegex(GraderError, "does not assemble to the code"):
            scatter(target, listing, self.home / "new.obj")
        self.assertFalse((self.home / "new.obj").exists())


if __name__ == "__main__":
    unittest.main()
