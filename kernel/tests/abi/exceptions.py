"""The agreed exceptions: what may differ from the public interface, and why (exceptions.txt: item | why)."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from grader.errors import GraderError


def agreed(path: Path) -> Dict[str, str]:
    """Item -> why.  Raises GraderError for a line without a reason."""
    found: Dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        item, _, why = (part.strip() for part in line.partition("|"))
        if not why or item in found:
            raise GraderError(f"{path.name}:{number}: {line}: {'there twice' if item in found else 'a reason is missing'}")
        found[item] = why
    return found
