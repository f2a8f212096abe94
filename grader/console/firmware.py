"""Where this system keeps Bochs' firmware: a line of its configuration for each image that is found.

Bochs' own idea of the names changes from release to release (3.0 asks for VGABIOS-lgpl-latest.bin) and differs from that of
packages, so the configuration says what is there.  Nothing found: nothing said, and Bochs looks for itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Sequence

FOLDERS = tuple(Path(prefix) / "share" / name for prefix in ("/usr", "/usr/local", "/opt/homebrew", "/opt/local")
                for name in ("bochs", "vgabios", "seabios"))
BIOS = ("BIOS-bochs-latest", "BIOS-bochs-latest.bin", "BIOS-bochs-legacy")
VGA = ("VGABIOS-lgpl-latest", "VGABIOS-lgpl-latest.bin", "vgabios.bin", "VGABIOS-elpin-2.40")


def find(names: Sequence[str], folders: Sequence[Path]) -> Optional[Path]:
    """The first name that some folder has."""
    return next((folder / name for name in names for folder in folders if (folder / name).is_file()), None)


def lines(folders: Sequence[Path] = FOLDERS) -> str:
    """`romimage` and `vgaromimage` of a bochsrc.  BXSHARE in the environment goes first, as it does for Bochs."""
    own = os.environ.get("BXSHARE")
    places = [Path(own), *folders] if own else folders
    said: List[str] = []
    for option, names in (("romimage", BIOS), ("vgaromimage", VGA)):
        path = find(names, places)
        if path is not None:
            said.append(f'{option}: file="{path}"\n')
    return "".join(said)


__all__ = ["lines"]
