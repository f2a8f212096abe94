"""Paths as QEMU's options take them: -initrd ends a file's name at a space, and commas separate files and options.

The guest is told these names too, and its loader copies them: they are the same wherever the tree lies, or a run would be some
instructions longer in a folder with a longer name.
"""

from __future__ import annotations

from pathlib import Path


def plain(path: Path, folder: Path) -> Path:
    """The same file behind a link in `folder`: link0/name, or link1/name for a second folder of files, and so on."""
    target = path.resolve().parent
    for number in range(1000):
        link = folder / f"link{number}"
        if not link.is_symlink():
            link.symlink_to(target)
        if link.resolve() == target:
            return link / path.name
    raise ValueError(f"no link for {path}")  # a thousand folders of images


def short(path: Path, folder: Path) -> str:
    """The same for a QEMU that runs in `folder`."""
    return str(plain(path, folder).relative_to(folder))


__all__ = ["plain", "short"]
