"""The tokens of a C++ source, with their places: as much as rules need that change one of them.

Comments, preprocessor lines and the insides of strings are no tokens.  Nothing is looked up: a word is a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Sequence

_TOKEN = re.compile(r"""
    (?P<skip>  //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:[^\n\\]|\\.)* )
  | (?P<string> (?:u8|u|U|L)?"(?:[^"\\\n]|\\.)*" | (?:u8|u|U|L)?'(?:[^'\\\n]|\\.)+' )
  | (?P<number> \d(?:[\w.]|'\d)* )
  | (?P<word>   [A-Za-z_]\w* )
  | (?P<sign>   <<= | >>= | \.\.\. | -> | :: | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\| | [-+*/%&|^]= | [^\s\w] )
""", re.VERBOSE | re.DOTALL | re.MULTILINE)
UNCOMPILED = ("NT_ASSERT", "static_assert")  # of no weight in the kernel that tests run on


@dataclass(frozen=True)
class Token:
    """`kind` is word, number, string or sign."""

    kind: str
    text: str
    start: int
    end: int


def tokens(text: str, start: int = 0, end: int = -1) -> List[Token]:
    """The tokens of text[start:end].  `start` must be the begin of a line outside of a comment."""
    found = []
    for match in _TOKEN.finditer(text, start, len(text) if end < 0 else end):
        if match.lastgroup != "skip":
            found.append(Token(str(match.lastgroup), match.group(), match.start(), match.end()))
    return found


def closing(found: Sequence[Token], opening: int) -> int:
    """The index of the bracket that closes the one at `opening`; the last token where none does."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    other, depth = pairs[found[opening].text], 0
    for index in range(opening, len(found)):
        if found[index].text == found[opening].text:
            depth += 1
        elif found[index].text == other:
            depth -= 1
            if not depth:
                return index
    return len(found) - 1


def weighty(found: Sequence[Token]) -> List[Token]:
    """The tokens without assertions and attributes, which change no code."""
    kept: List[Token] = []
    index = 0
    while index < len(found):
        one = found[index]
        following = found[index + 1].text if index + 1 < len(found) else ""
        if one.text in UNCOMPILED and following == "(":
            index = closing(found, index + 1) + 2  # its semicolon too
        elif one.text == "[" and following == "[":
            index = closing(found, index) + 1
        else:
            kept.append(one)
            index += 1
    return kept


def spaced(text: str, token: Token) -> bool:
    """Whether a sign stands between blanks, as the house style has it for operators, and not for brackets of templates."""
    return token.start > 0 and text[token.start - 1].isspace() and text[token.end:token.end + 1].isspace()
