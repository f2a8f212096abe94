"""What images export, against what the headers declare: each public routine has its row in a .def, each row its routine, and
each name leads to the routine of that name."""
# BOO-01, BOO-02
from __future__ import annotations

import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import Dict, List, Set, Tuple

from grader.images.pe import PeImage
from grader.tree import this_tree

TREE = this_tree()
OUT = Path(os.environ.get("MICA_OUT") or TREE.out).resolve()
KERNEL, HAL = "kernel/ntos/ntoskrnl", "kernel/hal/hal"
SWITCHES = {"free": (), "checked": ("-DMICA_CHECKED=1",), "explore": ("-DMICA_EXPLORE=1",)}
IMAGES = ((KERNEL, "ntoskrnl.exe"), (HAL, "hal.dll"))
HOOKS = re.compile(r"__sanitizer_cov_\w+|__asan_\w+|Kx(?:Set|Copy)Memory")  # instrumented code calls them; no header declares them
_ROW = re.compile(r"(\w+)(?:\s*=\s*(\w+)\.(\w+))?((?:\s+(?:DATA|PRIVATE))*)")
_DECLARED = re.compile(r"__declspec\(dllimport\)([^;{]*)")
_POINTER = re.compile(r"\(\s*(?:__\w+\s*)?\*\s*(\w+)\s*\)")


def is_built(flavour: str) -> bool:
    """Whether the images of a flavour are there and younger than what they were linked by: an older build says nothing."""
    paths = [(TREE.root / f"{stem}{part}.def", OUT / flavour / name) for stem, name in IMAGES for part in ("", f".{flavour}")]
    return all(image.exists() and (not table.exists() or table.stat().st_mtime <= image.stat().st_mtime) for table, image in paths)


BUILT = [flavour for flavour in SWITCHES if is_built(flavour)]


def rows(stem: str, flavour: str) -> Dict[str, Tuple[str, Set[str]]]:
    """The rows of an image's .def files: name -> (the forwarder's text or "", its words)."""
    found: Dict[str, Tuple[str, Set[str]]] = {}
    for path in (TREE.root / f"{stem}.def", TREE.root / f"{stem}.{flavour}.def"):
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            line = line.partition(";")[0].strip()
            match = _ROW.fullmatch(line)
            if not line or line == "EXPORTS":
                continue
            if not match or match[1] in found:
                raise AssertionError(f"{path.name}: {line}: not a row, or there twice")
            found[match[1]] = (f"{match[2]}.{match[3]}" if match[2] else "", set(match[4].split()))
    return found


def names_in(text: str) -> Tuple[Set[str], Set[str]]:
    """(routines, variables) that preprocessed text imports."""
    routines, variables = set(), set()
    for declared in _DECLARED.findall(text):
        pointer = _POINTER.search(declared)
        plain = re.sub(r"__attribute__\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)|alignas\([^)]*\)|\[\[.*?\]\]", " ", declared)
        head = plain.partition("(")[0].partition("[")[0]
        name = re.findall(r"\w+", head)[-1]
        if "extern" in head.split():
            variables.add(pointer[1] if pointer else name)
        else:
            routines.add(name)
    return routines, variables


def declared(flavour: str, within: str) -> Tuple[Set[str], Set[str]]:
    """(routines, variables) that the headers of kernel/inc import from the kernel or from the HAL; `within` is the image that is not asked."""
    text = "".join(f'#include "{path.relative_to(TREE.root / "kernel/inc").as_posix()}"\n' for path in sorted((TREE.root / "kernel/inc").rglob("*.h")))
    done = subprocess.run(["clang++", "--target=i686-pc-windows-msvc", "-std=c++20", "-ffreestanding", "-fms-extensions", "-E", "-P", "-Ikernel/inc",
                           f"-D{within}", *SWITCHES[flavour], "-x", "c++", "-"], input=text, cwd=TREE.root, capture_output=True, text=True, check=True)
    return names_in(done.stdout)


class Headers(unittest.TestCase):
    """Rows against declarations."""

    def test_each_public_name_has_its_row_and_each_row_its_declaration(self) -> None:
        for flavour in SWITCHES:
            for stem, within in ((KERNEL, "MICA_HAL"), (HAL, "MICA_NTOSKRNL")):
                with self.subTest(flavour=flavour, image=stem):
                    routines, variables = declared(flavour, within)
                    self.assertGreater(len(routines), 20)
                    table = {name: words for name, (forward, words) in rows(stem, flavour).items() if not forward}
                    own = {name: words for name, words in table.items() if "PRIVATE" not in words and not HOOKS.fullmatch(name)}
                    self.assertEqual([], sorted((routines | variables) - set(table)), f"declared without a row in {stem}.def")
                    self.assertEqual([], sorted(set(own) - routines - variables), f"rows of {stem}.def that no header declares")
                    self.assertEqual(sorted(variables), sorted(name for name, words in own.items() if "DATA" in words), "variables are marked DATA")

    def test_a_declaration_is_found_in_each_form(self) -> None:
        text = ("__declspec(dllimport) void __stdcall KeOne(int (*call)(int), LIST_ENTRY[2]) __attribute__((requires_capability(x)));\n"
                "[[noreturn]] __declspec(dllimport) extern void(__stdcall* KeTwo)(KAFFINITY Set);\n"
                "__declspec(dllimport) extern LIST_ENTRY KeThree[32] __attribute__((guarded_by(Lock)));\n__declspec(dllimport) extern const ULONG KeFour;\n"
                "__declspec(dllimport) __attribute__((acquire_capability(*Lock, Level))) KIRQL __fastcall KfFive(PKSPIN_LOCK Lock);\n")
        self.assertEqual(({"KeOne", "KfFive"}, {"KeTwo", "KeThree", "KeFour"}), names_in(text))


@unittest.skipUnless(BUILT, "needs a kernel that is up to date")
class Images(unittest.TestCase):
    """The images as they were linked."""

    def test_exports_are_the_rows(self) -> None:
        for flavour in BUILT:
            for stem, name in IMAGES:
                with self.subTest(flavour=flavour, image=name):
                    self.assertEqual(sorted(rows(stem, flavour)), sorted(PeImage.load(OUT / flavour / name).exports))

    def test_each_name_leads_to_its_routine(self) -> None:
        """A linker that finds the name in an import library would make a step into another image of it, or back into this one."""
        for flavour in BUILT:
            images = {name.partition(".")[0]: PeImage.load(OUT / flavour / name) for name in ("ntoskrnl.exe", "hal.dll")}
            for image in images.values():
                lost: List[str] = []
                for name, lead in image.export_table.items():
                    if isinstance(lead, str):
                        module, _, routine = lead.partition(".")
                        ahead = images[module].export_table.get(routine) if module in images else None
                        lost += [f"{name} -> {lead}"] if not isinstance(ahead, int) else []
                    elif name not in {one.name for one in image.by_address if one.rva == lead}:
                        lost.append(name)
                with self.subTest(flavour=flavour, image=image.path.name):
                    self.assertEqual([], lost)


if __name__ == "__main__":
    unittest.main()
