"""Exported names with their argument bytes: `_KeSetEvent@12` (stdcall), `@KfLowerIrql@4` (fastcall), `_DbgPrint` (cdecl, data).

A driver's compiler makes the decorated name from the public headers; the linker looks for it in the import libraries (libntoskrnl.a,
libhal.a) and writes the plain name and the image into the driver.  That image of Mica must have the plain name, and behind it a routine
of the same decoration: it pops the bytes that the caller has pushed.  Where headers and libraries differ, one of them is wrong: either will do.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterator, Set

import measure
from grader.images.coff import CoffFile
from grader.images.pe import PeImage, undecorate
from layouts import PUBLIC_HEAD, Compared

IMAGES = {"ntoskrnl": "ntoskrnl.exe", "hal": "hal.dll"}
_HELPER = re.compile(r"_(?:all|aull)\w+")  # compilers call them by this name, without the bytes that they pop


def compare(build: Path) -> Iterator[Compared]:
    """One group a component, by the names' first letters."""
    images = {module: PeImage.load(build / name) for module, name in IMAGES.items()}
    libraries = {module: library(module) for module in IMAGES}
    known = {name: module for module in IMAGES for name in libraries[module]}
    exported = {name for image in images.values() for name in image.exports}
    declared = headers(sorted(exported & set(known)))
    groups: Dict[str, Compared] = {}
    for name in sorted(exported & set(known)):
        homes = [module for module in IMAGES if name in libraries[module]]
        wanted = {libraries[known[name]][name], declared.get(name, libraries[known[name]][name])}
        found = forms(images, homes[0], name) or forms(images, homes[-1], name)  # of a name of both libraries, either image will do
        told = groups.setdefault(_component(name), Compared(_component(name)))
        told.compared += 1
        if not found:
            told.differences[f"name({name})"] = f"public in {' and '.join(IMAGES[one] for one in homes)}, Mica in another image"
        elif not wanted & found:
            told.differences[f"name({name})"] = f"public {' or '.join(sorted(wanted))}, Mica {' or '.join(sorted(found))}"
    yield from groups.values()


def library(module: str) -> Dict[str, str]:
    """Plain name -> decorated name of an import library."""
    path = subprocess.run([measure.GCC, f"-print-file-name=lib{module}.a"], capture_output=True, text=True, check=True).stdout.strip()
    said = subprocess.run([measure.GCC.replace("-gcc", "-nm"), path], capture_output=True, text=True, check=False).stdout
    names = [line.split()[-1][len("__imp_"):] for line in said.splitlines() if " __imp_" in line]
    return {undecorate(name): _bare(name) for name in names}


def headers(names: "list[str]") -> Dict[str, str]:
    """Plain name -> decorated name, of the routines that the public headers declare."""
    head = PUBLIC_HEAD + "\n" + "".join(f"#undef {name}\n" for name in names)
    known = list(measure.ask(measure.public(), head, {name: f"sizeof(&{name})" for name in names}))
    with tempfile.TemporaryDirectory(prefix="mica-abi-") as folder:
        source, made = Path(folder, "names.txt"), Path(folder, "names.o")
        source.write_text(head + "void Use(void) {\n" + "".join(f'    __asm__ volatile("" :: "r"(&{name}));\n' for name in known) + "}\n")
        subprocess.run([*measure.public(), "-c", str(source), "-o", str(made)], check=True, capture_output=True)
        raw = [one.name for one in CoffFile(made.read_bytes()).symbols() if one.demanded]
    plain = [name[len("__imp_"):] if name.startswith("__imp_") else name for name in raw]
    return {undecorate(name): _bare(name) for name in plain}


def forms(images: Dict[str, PeImage], module: str, name: str) -> Set[str]:
    """The decorations of what an export leads to, around its own name; forwarders are followed."""
    asked = name
    for _ in range(4):
        lead = images[module].export_table.get(name) if module in images else None
        if not isinstance(lead, str):
            break
        module, _, name = lead.partition(".")
    if lead is None:
        return set()
    return {_bare(raw.replace(name, asked, 1)) for raw, rva in raw_symbols(images[module]) if rva == lead and undecorate(raw) == name}


_tables: "Dict[Path, list[tuple[str, int]]]" = {}


def raw_symbols(image: PeImage) -> "list[tuple[str, int]]":
    """(name as the linker had it, RVA) of every external symbol."""
    if image.path not in _tables:
        starts = [section.rva for section in image.sections]
        _tables[image.path] = [(one.name, starts[one.section - 1] + one.value) for one in CoffFile(image.data).symbols()
                               if one.external and 0 < one.section <= len(starts)]
    return _tables[image.path]


def _bare(name: str) -> str:
    return name.partition("@")[0] if _HELPER.match(name[1:]) else name


def _component(name: str) -> str:
    match = re.match(r"(?:READ|WRITE)|Interlocked|_|[A-Z][a-z]+", name)
    return {"Kf": "Ke", "Kef": "Ke", "Ki": "Ke", "Exf": "Ex", "Exfi": "Ex", "Exi": "Ex", "_": "crt", "Interlocked": "Ex", "READ": "Hal", "WRITE": "Hal", "Hal": "Hal", "Dbg": "Kd",
            "Probe": "Mm"}.get(match[0], match[0]) if match else "crt"
