"""The statements of a region, as a tree.  A region holds a function's body, whole functions, or both.

What is not understood is one plain statement up to its semicolon: a rule that is wrong about it makes a mutant that does not
compile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, List, Sequence, Tuple

from grader.mutate.tokens import Token, closing

HOLDERS = ("namespace", "struct", "class", "union", "enum", "extern")
CONDITIONS = ("if", "while", "switch", "for")
EXCEPTIONS = ("__try", "__except", "__finally", "do", "else")
DECORATIONS = ("const", "constexpr", "constinit", "static", "auto", "volatile", "unsigned", "long", "signed", "using", "extern")


@dataclass
class Statement:
    """tokens[first:last]; `kind` is plain, label, block, holder (a function, a namespace, a type) or a keyword."""

    kind: str
    first: int
    last: int
    condition: Tuple[int, int] = (0, 0)  # the tokens between the brackets
    inner: List["List[Statement]"] = field(default_factory=list)  # what it governs: lists of statements

    def everything(self) -> "Iterator[Statement]":
        """It, and all that is inside."""
        yield self
        for part in self.inner:
            for one in part:
                yield from one.everything()


def parse(found: Sequence[Token]) -> List[Statement]:
    """The statements of these tokens."""
    return _several(found, 0, len(found))


def lists(top: List[Statement]) -> "Iterator[List[Statement]]":
    """Every list of statements that follow one another."""
    yield top
    for one in top:
        for part in one.inner:
            yield from lists(part)


def is_declaration(found: Sequence[Token], one: Statement) -> bool:
    """`KTHREAD* const thread = ...`, `nt::Guard guard(lock)`: two words with nothing but stars and blanks between them."""
    if one.kind != "plain" or found[one.first].kind != "word" or found[one.first].text in ("return", "goto", "break", "continue", "delete"):
        return False
    if found[one.first].text in DECORATIONS:
        return True
    previous_word, depth = True, 0
    for token in found[one.first + 1:one.last]:
        if token.text in ("<", ">") and (depth or token.text == "<"):
            depth += 1 if token.text == "<" else -1
        elif depth or token.text in ("*", "&", "::"):
            previous_word = previous_word and token.text != "::"
        elif token.kind == "word" and previous_word:
            return True
        elif token.kind == "word":
            previous_word = True
        else:
            return False
    return False


def _several(found: Sequence[Token], place: int, end: int) -> List[Statement]:
    result = []
    while place < end:
        one = _one(found, place, end)
        result.append(one)
        place = max(one.last, place + 1)
    return result


def _one(found: Sequence[Token], place: int, end: int) -> Statement:
    word = found[place].text
    if word == "{":
        last = min(end, closing(found, place) + 1)
        return Statement("block", place, last, inner=[_several(found, place + 1, last - 1)])
    if word in CONDITIONS or word in EXCEPTIONS:
        return _governing(found, place, end)
    if word in ("case", "default"):
        last = next((index for index in range(place, end) if found[index].text == ":"), end - 1) + 1
        return Statement("label", place, last)
    return _plain(found, place, end)


def _governing(found: Sequence[Token], place: int, end: int) -> Statement:
    """A statement that governs others."""
    word, at, condition = found[place].text, place + 1, (0, 0)
    if at < end and found[at].text == "constexpr":
        at += 1
    if at < end and found[at].text == "(":
        close = closing(found, at)
        condition, at = (at + 1, close), close + 1
    if at >= end:
        return Statement("plain", place, end)
    inner = [_body(found, at, end)]
    last = _end_of(inner[0], at)
    if word == "if" and last < end and found[last].text == "else":
        inner.append(_body(found, last + 1, end) if last + 1 < end else [])
        last = _end_of(inner[1], last + 1)
    if word == "do":
        last = next((index for index in range(last, end) if found[index].text == ";"), end - 1) + 1
    return Statement(word, place, last, condition, inner)


def _body(found: Sequence[Token], place: int, end: int) -> List[Statement]:
    return [_one(found, place, end)]


def _end_of(body: List[Statement], place: int) -> int:
    return body[-1].last if body else place


def _plain(found: Sequence[Token], place: int, end: int) -> Statement:
    assigned = False
    at = place
    while at < end:
        text = found[at].text
        if text == ";":
            return Statement("plain", place, at + 1)
        if text in ("(", "["):
            at = closing(found, at)
        elif text == "=":
            assigned = True
        elif text == "{":
            close = closing(found, at)
            ends = close + 1 < end and found[close + 1].text == ";"
            holder = found[place].text in HOLDERS
            if holder or not (assigned or ends):
                return Statement("holder", place, min(end, close + 1 + (holder and ends)), inner=[_several(found, at + 1, min(close, end))])
            at = close
        at += 1
    return Statement("plain", place, end)
