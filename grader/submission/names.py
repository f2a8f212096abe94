"""Names inside a submission: how they are compared, which of them deceive, and which are litter."""

from __future__ import annotations

import unicodedata

MAX_NAME = 1024
_HIDDEN = ("Cc", "Cf", "Cs")  # control and format characters, and bytes that are not UTF-8
_JOINERS = "\u200c\u200d"  # inside one emoji or one word; they turn nothing round
# What systems, editors and tools leave beside a student's files, folded; names with a dot in front are litter too.
_FOLDERS = {"__macosx", "__pycache__", "node_modules", "venv", "build", "$recycle.bin", "@eadir", "system volume information"}
_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_ENDINGS = ("~", ".bak", ".orig", ".rej", ".swp", ".tmp")


def normal(name: str) -> str:
    """The name with slashes for backslashes (old Windows tools), without `./`, doubled and trailing slashes."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def fold(name: str) -> str:
    """Names that some machine, or a reader, takes for the same fold to the same."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    if folded.isprintable():
        return folded
    return "".join(letter for letter in folded if unicodedata.category(letter) not in _HIDDEN)


def fault(raw: str) -> str:
    """Why a student's file may not be called so in an archive; empty: it may."""
    slashes = raw.replace("\\", "/")
    if len(raw) > MAX_NAME:
        return f"a name of {len(raw)} characters; pack the files again with plain names"
    if any(unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS for letter in raw):
        return "control characters or bytes that are not UTF-8 in a name; rename the file"
    if slashes.startswith("/") or slashes[1:2] == ":":
        return "an absolute name; pack the files with relative names"
    if ".." in slashes.split("/"):
        return "a name with '..'; pack the files from inside their folder"
    return ""


def is_litter(name: str) -> bool:
    """Whether a normal name is none that a student chose: hidden, a tool's, an editor's copy."""
    whole = "/" + name.casefold()
    if "/." in whole or "/paxheaders" in whole:
        return True
    parts = whole.split("/")
    return (not _FOLDERS.isdisjoint(parts) or parts[-1] in _FILES or parts[-1].startswith("#")
            or parts[-1].endswith(_ENDINGS))


def printable(name: str) -> str:
    """The name as it can be shown on a terminal and written as UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
