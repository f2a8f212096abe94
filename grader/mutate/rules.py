"""Wrong C++ by rule: each rule looks at a region and says which small changes it would make.

A rule may propose what does not compile, or what changes nothing: the compiler and the comparison of objects sort that out.
It should propose what students do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Sequence, Tuple

from grader.mutate import tokens as scan
from grader.mutate.statements import Statement, is_declaration, lists, parse
from grader.mutate.tokens import Token, closing, spaced, weighty

Edit = Tuple[int, int, str]  # text[start:end] becomes this

COMPARISONS = {"<": ("<=", ), "<=": ("<", ), ">": (">=", ), ">=": (">", ), "==": ("!=", ), "!=": ("==", )}
LOGIC = {"&&": "||", "||": "&&"}
SIGNS = {"+": "-", "-": "+", "+=": "-=", "-=": "+=", "++": "--", "--": "++"}
COMPOUND = {"|=": "=", "&=": "="}
ENDS = {"InsertHeadList": "InsertTailList", "InsertTailList": "InsertHeadList", "RemoveHeadList": "RemoveTailList",
        "RemoveTailList": "RemoveHeadList", "Flink": "Blink", "Blink": "Flink"}
CONSTANTS = {"TRUE": "FALSE", "FALSE": "TRUE", "true": "false", "false": "true"}
SIGNED = {"ULONG": "LONG", "ULONGLONG": "LONGLONG", "UCHAR": "SCHAR", "USHORT": "SHORT", "ULONG_PTR": "LONG_PTR", "LONG": "ULONG",
          "LONGLONG": "ULONGLONG", "SCHAR": "UCHAR", "SHORT": "USHORT", "KPRIORITY": "ULONG"}
NARROW = {"ULONGLONG": "ULONG", "LONGLONG": "LONG", "ULONG": "UCHAR", "LONG": "SCHAR", "ULONG_PTR": "USHORT", "SIZE_T": "USHORT",
          "KAFFINITY": "UCHAR", "KPRIORITY": "SCHAR", "USHORT": "UCHAR", "long": ""}
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F']+|\d[\d']*)([uUlL]*)")

LOCKS = re.compile(r"Acquire|Release|Lock|Unlock|Guard|RaiseIrql|LowerIrql|EnterCritical|LeaveCritical|DisableInterrupts|RestoreInterrupts")
TAKES = re.compile(r"Acquire|Lock(?!Value)|Raise|Enter|Disable")
GIVES = re.compile(r"Release|Unlock|Lower|Leave|Restore|Enable")
KINDS = (("barrier", re.compile(r"Barrier|fence|YieldProcessor")), ("lock", LOCKS), ("trace", re.compile(r"^EtwTrace|^KiTrace")),
         ("wake-up", re.compile(r"Wake|WaitTest|Unwait|Signal|Request|ReadyThread|ExitDispatcher|Boost|InsertQueue")))


@dataclass(frozen=True)
class Change:
    """What a rule would do.  The number of lines never changes."""

    rule: str
    edits: Tuple[Edit, ...]


@dataclass(frozen=True)
class Region:
    """text[start:end]: the reference of an exercise.  `siblings`: other members of a member's type, by name."""

    text: str
    start: int
    end: int
    siblings: Dict[str, Tuple[str, ...]]


def changes(region: Region) -> List[Change]:
    """Everything that the rules would do to a region."""
    found = weighty(scan.tokens(region.text, region.start, region.end))
    tree = parse(found)
    whole = weighty(scan.tokens(region.text))
    result = [*_by_token(region, found, whole), *_by_statement(region.text, found, tree)]
    return [one for one in result if one.edits]


# -- one token --------------------------------------------------------------------------------------------------------
def _by_token(region: Region, found: Sequence[Token], whole: Sequence[Token]) -> Iterator[Change]:
    text = region.text
    statuses = sorted({one.text for one in whole if one.text.startswith("STATUS_")})
    enumerators = _enumerators(whole)
    for index, one in enumerate(found):
        before = found[index - 1].text if index else ""
        after = found[index + 1].text if index + 1 < len(found) else ""
        if one.kind == "sign":
            operator = spaced(text, one)
            for other in COMPARISONS.get(one.text, ()) if operator else ():
                yield _swap("compare", one, other)
            if one.text in LOGIC and operator:
                yield _swap("logic", one, LOGIC[one.text])
            if one.text in SIGNS and (operator or one.text in ("++", "--")):
                yield _swap("sign", one, SIGNS[one.text])
                if one.text in ("+", "-") and after == "1":
                    yield Change("off-by-one", ((one.start - 1, found[index + 1].end, ""), ))
            if one.text in COMPOUND:
                yield _swap("compound", one, COMPOUND[one.text])
        elif one.kind == "number":
            yield from _numbers(one)
        elif one.kind == "word":
            yield from _words(one, before, after)
            if before in (".", "->"):
                for other in region.siblings.get(one.text, ()):
                    yield _swap("field", one, other)
            if one.text in statuses:
                yield _swap("status", one, _next(statuses, one.text, "STATUS_UNSUCCESSFUL"))
            kind = found[index - 2].text if before == "::" and index > 1 else ""
            if one.text in enumerators.get(kind, ()):
                yield _swap("constant", one, _next(enumerators[kind], one.text, ""))


def _words(one: Token, before: str, after: str) -> Iterator[Change]:
    if one.text in ENDS:
        yield _swap("list-end", one, ENDS[one.text])
    if one.text in CONSTANTS:
        yield _swap("constant", one, CONSTANTS[one.text])
    if before in (".", "->", "::"):
        return
    if one.text in SIGNED:
        yield _swap("signed", one, SIGNED[one.text])
    if one.text in NARROW and not (one.text == "long" and before != "long"):
        yield _swap("narrow", one, NARROW[one.text])


def _numbers(one: Token) -> Iterator[Change]:
    match = _NUMBER.fullmatch(one.text)
    if match is None:
        return
    digits, suffix = match.group(1).replace("'", ""), match.group(2)
    value = int(digits, 16) if digits[:2].lower() == "0x" else int(digits)
    for other in (value + 1, value - 1):
        if other >= 0:
            yield _swap("off-by-one", one, (hex(other) if digits[:2].lower() == "0x" else str(other)) + suffix)


def _enumerators(whole: Sequence[Token]) -> Dict[str, List[str]]:
    """`KTHREAD_STATE` -> the enumerators of it that the file speaks of.  Namespaces look the same, in small letters."""
    found: Dict[str, List[str]] = {}
    for kind, colons, name in zip(whole, whole[1:], whole[2:]):
        if colons.text == "::" and kind.kind == name.kind == "word" and kind.text.isupper():
            if name.text not in found.setdefault(kind.text, []):
                found[kind.text].append(name.text)
    return {kind: sorted(names) for kind, names in found.items()}


def _next(names: Sequence[str], name: str, otherwise: str) -> str:
    """Another name of the list: the one behind it, round."""
    others = [*names[names.index(name) + 1:], *names[:names.index(name)]]
    return others[0] if others else otherwise or name


def _swap(rule: str, token: Token, other: str) -> Change:
    return Change(rule, ((token.start, token.end, other), ) if other != token.text else ())


# -- statements -------------------------------------------------------------------------------------------------------
def _by_statement(text: str, found: Sequence[Token], tree: List[Statement]) -> Iterator[Change]:
    for top in tree:
        for one in top.everything():
            if one.kind in ("if", "while") and one.condition[0] < one.condition[1]:
                yield from _condition(text, found, one)
            yield from _dropped(text, found, one)
    for follow in lists(tree):
        yield from _pairs(text, found, follow)
        for one, other in zip(follow, follow[1:]):
            if _movable(found, one) and _movable(found, other):
                yield _exchanged(text, found, one, other)
    for body in _bodies(tree):
        yield from _early(text, found, body)


def _condition(text: str, found: Sequence[Token], one: Statement) -> Iterator[Change]:
    start, end = found[one.condition[0]].start, found[one.condition[1] - 1].end
    inside = text[start:end]
    if any(token.text == "=" for token in found[one.condition[0]:one.condition[1]]):
        return  # it declares something
    plain = re.fullmatch(r"!?[\w.>-]+(\([^()]*\))?", inside)
    negated = (inside[1:] if inside.startswith("!") else "!" + inside) if plain else f"!({inside})"
    yield Change("negate", ((start, end, negated), ))
    if one.kind == "if":
        yield Change("unchecked", ((start, end, "true" + "\n" * inside.count("\n")), ))


def _dropped(text: str, found: Sequence[Token], one: Statement) -> Iterator[Change]:
    if one.kind == "if" and len(one.inner) == 1:
        yield _without(text, found, "drop", [one])
    if one.kind != "plain":
        return
    if is_declaration(found, one):
        if any("Guard" in token.text for token in found[one.first:one.last][:6]):
            yield _without(text, found, "lock", [one])
        return
    yield _without(text, found, _kind_of(text, found, one), [one])


def _kind_of(text: str, found: Sequence[Token], one: Statement) -> str:
    """What is forgotten when this statement is."""
    words = [token.text for token in found[one.first:one.last]]
    if words[0] == "return":
        return "return"
    called = next((word for word, after in zip(words, words[1:]) if after == "("), "")
    for kind, pattern in KINDS:
        if pattern.search(called):
            return kind
    if "=" in words and re.fullmatch(r"0u?|FALSE|nullptr|false|None|Free|\{\}", words[-2] if len(words) > 2 else ""):
        return "reset"
    return "drop"


def _pairs(text: str, found: Sequence[Token], follow: List[Statement]) -> Iterator[Change]:
    """A lock that is neither taken nor given back."""
    for index, one in enumerate(follow):
        name, argument = _call(found, one)
        if one.kind != "plain" or not TAKES.search(name) or is_declaration(found, one):
            continue
        gives = [other for later in follow[index + 1:] for other in later.everything()
                 if other.kind == "plain" and GIVES.search(_call(found, other)[0]) and _call(found, other)[1] == argument]
        if gives:
            yield _without(text, found, "lock", [one, *gives])


def _call(found: Sequence[Token], one: Statement) -> Tuple[str, str]:
    """(routine, first argument) of a call."""
    if one.last - one.first < 3 or found[one.first].kind != "word" or found[one.first + 1].text != "(":
        return "", ""
    close = closing(found, one.first + 1)
    inside = [token.text for token in found[one.first + 2:close]]
    return found[one.first].text, "".join(inside[:inside.index(",")] if "," in inside else inside)


def _movable(found: Sequence[Token], one: Statement) -> bool:
    return one.kind == "plain" and not is_declaration(found, one) and found[one.first].text not in ("return", "break", "continue")


def _bodies(tree: List[Statement]) -> Iterator[List[Statement]]:
    """The bodies of the region's functions: those in it, and the region itself where it is one."""
    holders = [one for one in tree if one.kind == "holder"]
    if not holders:
        yield tree
    for one in holders:
        for part in one.inner:
            yield from _bodies(part)


def _early(text: str, found: Sequence[Token], body: List[Statement]) -> Iterator[Change]:
    """The function returns before a statement that counts."""
    results = [text[found[one.first].start:found[one.last - 1].end] for top in body for one in top.everything()
               if one.kind == "plain" and found[one.first].text == "return"]
    valued = [line for line in results if re.match(r"return\s+[^\s;]|return[^\w\s;]", line)]
    line = min(valued, key=len) if valued else "return;"
    for one in body[1:]:
        if found[one.first].text != "return" and not is_declaration(found, one) and one.kind != "label" and "\n" not in line:
            start = found[one.first].start
            yield Change("early-return", ((start, start, line + " "), ))


def _span(found: Sequence[Token], one: Statement) -> Tuple[int, int]:
    return found[one.first].start, found[one.last - 1].end


def _without(text: str, found: Sequence[Token], rule: str, gone: Sequence[Statement]) -> Change:
    edits = []
    for one in gone:
        start, end = _span(found, one)
        edits.append((start, end, ";" + "\n" * text.count("\n", start, end)))
    return Change(rule, tuple(edits))


def _exchanged(text: str, found: Sequence[Token], one: Statement, other: Statement) -> Change:
    (start, end), (begin, last) = _span(found, one), _span(found, other)
    if text[start:end] == text[begin:last]:
        return Change("exchange", ())
    return Change("exchange", ((start, end, text[begin:last]), (begin, last, text[start:end])))
