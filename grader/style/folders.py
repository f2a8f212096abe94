"""Every folder that a reader walks into opens with a README.md."""

from __future__ import annotations

import re

from .base import Finding, Tree

ROOMS = re.compile(r"^(kernel(/(boot|hal|inc|tests|ntos(/[^/]+)?|drivers(/[^/]+)?|user(/[^/]+)?|tests/[^/]+))?"
                   r"|labs/\d-[^/]+|solutions/\d-[^/]+|grader(/[^/]+)?|docs)$")
NOT_ROOMS = {"kernel/tests/rings", "kernel/tests/python", "kernel/prebuilt", "grader/tests"}


def check(tree: Tree) -> "list[Finding]":
    files = set(tree.files)
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    return [Finding(f"{folder}/README.md", 1, "folders", "this folder does not say what it holds")
            for folder in sorted(folders)
            if ROOMS.match(folder) and folder not in NOT_ROOMS and f"{folder}/README.md" not in files]
