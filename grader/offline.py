"""One HTML page that needs nothing else: no server, no network, no other file.

Invariant: whatever the data holds (it may come from a student's kernel), it stays data: it stands in a JSON block in which `<`, `>`, `&`
and the line separators are escaped, and a page's script shows it through textContent only.  The page's own policy forbids
every request.
TOL-02, TOL-03.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any, Sequence

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embedded(value: Any) -> str:
    """JSON that cannot end its script element or say anything else than data."""
    text = json.dumps(value, separators=(",", ":"))
    for letter, escape in ESCAPES.items():
        text = text.replace(letter, escape)
    return text


def script(folder: Path, names: "Sequence[str]") -> str:
    """A page's one script, of its files in their order."""
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def page(folder: Path, title: str, code: str, value: Any) -> str:
    """The page of a folder's page.html and page.css, with its script and what the script draws."""
    style = (folder / "page.css").read_text(encoding="utf-8")
    policy = (f"default-src 'none'; script-src 'sha256-{_digest(code)}'; "
              f"style-src 'sha256-{_digest(style)}'; base-uri 'none'; form-action 'none'")
    texts = {"POLICY": html.escape(policy, quote=False), "TITLE": html.escape(title), "STYLE": style, "SCRIPT": code, "DATA": embedded(value)}
    return re.sub("@(" + "|".join(texts) + ")@", lambda match: texts[match[1]], (folder / "page.html").read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
