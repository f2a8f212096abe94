"""Who may include whom.

Public headers (kernel/inc) stand on floors and include downwards only; a component's sources include the public headers
of their own floor and below. A private header stays in the folder of its component. A lower floor reaches a higher one
through something registered with it, never by an include.

Two things are not what their names say, and are listed here so that there is one place to look:
  * the contract floor: interfaces that several floors share, small headers without an implementation of their own;
  * the debugger's sources look at everything, so they stand at the top, while kd.h (print, trap) is for everybody.
"""

from __future__ import annotations

import posixpath
import re

from .base import ASSEMBLY, CPP, Finding, Tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# The floors, from the ground up. A header's component is its folder or its own name (rtl/time.h and rtl.h: rtl).
FLOORS = (
    ("nt", "i386"),
    ("rtl",),
    ("contract",),
    ("hal",),
    ("ke",),
    ("ex",),
    ("ob",),
    ("se",),
    ("mm",),
    ("ps",),
    ("io",),
    ("cc",),
    ("cm",),
    ("lpc",),
    ("ldr",),
    ("kd", "etw", "init", "drivers", "tests", "user"),
)
# Headers that stand on another floor than their names suggest.
CONTRACT = re.compile(r"i386/trap\.h|ke/\w+\.h|kd\.h|etw\.h|ldr\.h|mm/pages\.h|se/access\.h|io/files\.h")  # trap frames, structures, locks; print; events; images; pages; rights; of files too
MEMORY = {"ps/process.h", "ps/rights.h", "ldr/bootfiles.h"}  # EPROCESS: the memory manager gets to the address space through it; files as backings
GROUND = {"ntstatus.h", "ntimage.h", "ke/bugcheck.h"}  # everybody may stop the system
FREESTANDING = {"stdarg.h", "stddef.h", "stdint.h", "limits.h", "float.h", "intrin.h", "excpt.h"}

USER_HEADERS = "kernel/user/inc"  # public among images of user mode
USER_MODE = ("kernel/user/", "kernel/tests/programs/")

HEIGHT = {component: height for height, floor in enumerate(FLOORS) for component in floor}


def header_component(header: str) -> str:
    """The component of a public header by its path below kernel/inc; empty where it has none."""
    if header in GROUND:
        return "nt"
    if CONTRACT.fullmatch(header):
        return "contract"
    if header in MEMORY:
        return "mm"
    component = header.split("/")[0].rsplit(".", 1)[0]
    return component if component in HEIGHT else ""


def source_component(name: str) -> str:
    """The component of a source file by its folder; empty: the rules about floors do not hold for it (boot, host tests)."""
    parts = name.split("/")
    if parts[:2] == ["kernel", "ntos"] and len(parts) > 3:
        return parts[2]
    if parts[:2] == ["kernel", "inc"]:
        return header_component("/".join(parts[2:]))
    return "hal" if parts[:2] == ["kernel", "hal"] else ""


def check(tree: Tree) -> "list[Finding]":
    headers = set(tree.ending(".h"))
    found = []
    for name in tree.ending(*CPP, *ASSEMBLY, under="kernel/"):
        for number, line in enumerate(tree.lines(name), 1):
            match = INCLUDE.match(line)
            if match:
                text = broken_rule(name, match[1], match[2], headers)
                if text:
                    found.append(Finding(name, number, "layers", text))
    for name in sorted(headers):
        if name.startswith("kernel/inc/") and not header_component(name[len("kernel/inc/"):]):
            found.append(Finding(name, 1, "layers", "no floor is known for this public header (grader/style/layers.py)"))
    return found


def broken_rule(name: str, bracket: str, included: str, headers: "set[str]") -> str:
    """What is wrong with the file `name` including `included`; empty: nothing."""
    is_test = name.endswith("_test.cpp") or name.startswith(("kernel/tests/host/", "kernel/tests/abi/drivers/"))
    if bracket == "<":
        return "" if included in FREESTANDING or is_test else f"<{included}> is not freestanding"
    public = f"kernel/inc/{included}"
    private = posixpath.normpath(posixpath.join(posixpath.dirname(name), included))
    if public not in headers:
        return private_rule(name, included, private, headers)
    mine, other = source_component(name), header_component(included)
    if is_test or not mine or not other or mine not in HEIGHT:
        return ""
    if HEIGHT[other] > HEIGHT[mine]:
        return f"{mine} stands below {other} and may not include {included}"
    return ""


def private_rule(name: str, included: str, private: str, headers: "set[str]") -> str:
    """A header that is not public: only files of the same component folder (with its i386/) may include it."""
    candidates = [private] if private in headers else \
        [header for header in headers if header.endswith("/" + included) and not header.startswith("kernel/inc/")]
    if not candidates or any(home(header) == home(name) for header in candidates):
        return ""
    if home(name) in ("kernel/tests/host", "kernel/tests/guest") or name.endswith("_test.cpp"):
        return ""
    if name.startswith(USER_MODE) and any(home(header) == USER_HEADERS for header in candidates):
        return ""
    return f"{included} is private to {home(candidates[0])}"


def home(name: str) -> str:
    """The folder of a file's component: kernel/ntos/ke for kernel/ntos/ke/i386/trap.cpp."""
    parts = posixpath.dirname(name).split("/")
    depth = 3 if parts[:2] in (["kernel", "ntos"], ["kernel", "drivers"], ["kernel", "tests"], ["kernel", "user"]) else 2
    return "/".join(parts[:depth])
