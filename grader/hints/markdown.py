"""Markdown as lines for a terminal: paragraphs and lists wrapped, blocks of code and tables as they are.

It knows what the hints use: paragraphs, `- ` and `1. ` lists, fences, tables, `###` headings, **bold**, links and figures.
"""

from __future__ import annotations

import posixpath
import re
import textwrap
from typing import Callable, Iterator, List

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_ITEM = re.compile(r"^( *)([-*+]|\d{1,3}[.)]) +(?=\S)")
_HEADING = re.compile(r"^#{1,6} +(.+?)[ #]*$")
_FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
Paint = Callable[[str, str], str]


def lines(text: str, width: int, folder: str = "", paint: Paint = lambda colour, text: text) -> List[str]:
    """The lines of a text, at most `width` columns where there are words to break at.  `folder`: where its figures' names begin."""
    found: List[str] = []
    for block in _blocks(text.splitlines()):
        if _FENCE.match(block[0]):
            inner = block[1:-1] if len(block) > 1 and _FENCE.match(block[-1]) else block[1:]
            found += ["    " + line if line else "" for line in inner]
        elif block[0].startswith("|") or not block[0].strip():
            found += [line.rstrip() for line in block]
        else:
            found += _wrapped(block, width, folder, paint)
    return found


def _blocks(text: List[str]) -> Iterator[List[str]]:
    """Lines that belong together: a fence, a table, an empty line, an item of a list, a heading, a paragraph."""
    block: List[str] = []
    fence = ""
    for line in text:
        mark = _FENCE.match(line)
        if fence:
            block.append(line)
            if mark and mark[1] == fence:
                yield block
                block, fence = [], ""
            continue
        begins = (mark or not line.strip() or _ITEM.match(line) or _HEADING.match(line)
                  or block and (line.startswith("|") != block[0].startswith("|") or _HEADING.match(block[0])))
        if begins and block:
            yield block
            block = []
        if mark:
            fence = mark[1]
        block.append(line)
        if not fence and not line.strip():
            yield block
            block = []
    if block:
        yield block


def _wrapped(block: List[str], width: int, folder: str, paint: Paint) -> List[str]:
    heading, item = _HEADING.match(block[0]), _ITEM.match(block[0])
    words = " ".join(line.strip() for line in block)
    if heading:
        return [paint("1", _plain(heading[1], folder, paint))]
    first = item[0] if item else block[0][:len(block[0]) - len(block[0].lstrip())]
    told = _plain(words[len(first.strip()):].strip() if item else words, folder, paint)
    return textwrap.wrap(told, max(width, 40), initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False,
                         break_on_hyphens=False) or [""]


def _plain(text: str, folder: str, paint: Paint) -> str:
    """Without marks; a code span keeps its quotes, as what is inside is to be typed or read as it is."""
    parts = re.split(r"(`[^`]*`)", text)
    for index in range(0, len(parts), 2):
        part = _FIGURE.sub(lambda found: f"(figure {posixpath.normpath(posixpath.join(folder, found[2]))}: {found[1]})", parts[index])
        part = _LINK.sub(r"\1 (\2)", part)
        parts[index] = _BOLD.sub(lambda found: paint("1", found[1]), part)
    return "".join(parts)
