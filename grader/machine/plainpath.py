"""Paths as QEMU's options take them: -initrd ends a file's name at a space, and commas separate files and options."""

from __future__ import annotations

from pathlib import Path


def plain(path: Path, folder: Path) -> Path:
    """The path itself, or where it has a space or a comma the same file behind a link in `folder`."""
    if not set(str(path)) & {" ", ","}:
        return path
    for number in range(1000):
        link = folder / f"link{number}"
        if not link.is_symlink():
            link.symlink_to(path.resolve().parent)
        if link.resolve() == path.resolve().parent:
            return link / path.name
    raise ValueError(f"no link for {path}")  # a thousand folders of images


__all__ = ["plain"]
