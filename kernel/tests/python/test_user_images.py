"""The images of user mode by their headers: ntdll.dll has what the kernel looks for and what headers promise to programs."""
# SYS-01, ARC-15
from __future__ import annotations

import importlib.util
import os
import re
import sys
import unittest
from pathlib import Path

from grader.images.pe import PeImage
from grader.tree import this_tree

TREE = this_tree()
OUT = Path(os.environ.get("MICA_OUT") or TREE.out).resolve()
LIBRARY = OUT / "free/user/ntdll.dll"
KERNEL_CALLS = {"LdrInitializeThunk", "RtlUserThreadStart", "KiUserApcDispatcher", "KiUserExceptionDispatcher",
                "KiRaiseUserExceptionDispatcher", "KiFastSystemCall", "KiFastSystemCallRet", "KiIntSystemCall"}
IMPORTS = 1  # of the data directories
_DECLARED = re.compile(r"NTKERNELAPI[^;{]*?\b(?:NTAPI|CDECL)\s+(\w+)\s*\(")


def services() -> "set[str]":
    """The names in services.def."""
    spec = importlib.util.spec_from_file_location("generate", TREE.root / "kernel/services/generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return {each.name for each in module.parse((TREE.root / "kernel/services/services.def").read_text(encoding="utf-8"))}


@unittest.skipUnless(LIBRARY.exists(), "user mode is not built: make kernel")
class UserImagesTest(unittest.TestCase):
    """ntdll.dll, hello.exe."""

    def test_the_library_lies_where_every_process_has_it(self) -> None:
        image = PeImage.load(LIBRARY)
        self.assertEqual(0x7C900000, image.base)
        self.assertEqual((0, 0), image.directories[IMPORTS])

    def test_programs_find_what_headers_declare(self) -> None:
        exports = PeImage.load(LIBRARY).exports
        headers = sorted((TREE.root / "kernel/user/inc").rglob("*.h"))
        declared = {name for path in headers for name in _DECLARED.findall(path.read_text(encoding="utf-8"))}
        self.assertGreater(len(declared), 20)
        self.assertEqual(set(), (declared | services() | KERNEL_CALLS) - set(exports))


if __name__ == "__main__":
    unittest.main()
