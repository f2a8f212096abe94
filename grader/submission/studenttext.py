"""Text that students write, in whatever encoding an editor or a shell saved it: the one decoder of the grader.

    UTF-8 with and without a mark, UTF-16 and UTF-32 with a mark (Notepad), UTF-16 without one (`>` of PowerShell adds it,
    `>>` behind other text does not), and the code page of Western Windows for what is no UTF-8.

Invariant: decode() never raises; its lines end in a line feed, however they ended in the file.
"""

from __future__ import annotations

import codecs
import unicodedata

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MARK = "\ufeff"
TEXT_MAX = 64 * 1024  # of an answer or of scenarios: no honest one comes near
_DASHES = dict.fromkeys(map(ord, "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def decode(data: bytes) -> str:
    """The text of a file, without marks."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", ""))
    body = data[len(mark):]
    encoding = encoding or _unmarked(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        text = body.decode(encoding, "replace") if encoding in _WIDE else body.decode("cp1252", "replace")
    # Text of PowerShell behind text of another program: half of its bytes are zero.
    return text.replace("\0", "").replace(_MARK, "").replace("\r\n", "\n").replace("\r", "\n")


def plain(text: str) -> str:
    """The same with the digits, signs and spaces of a full-width keyboard or a word processor as plain ones."""
    dashed = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return "".join(letter for letter in dashed if unicodedata.category(letter) != "Cf")


def objection(name: str, data: bytes) -> str:
    """Why no compiler reads this source, as a compiler says it; empty: it may try."""
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "") or _unmarked(data)
    if encoding not in _WIDE:
        return ""
    return (f"{name}:1:1: error: the file is saved as {encoding[:6].upper()}, which the compiler does not read; save it as "
            "UTF-8 (Notepad: Save as, Encoding: UTF-8)")


def oversize(name: str, data: bytes) -> str:
    """Why a file that is judged as text is not taken; empty: it is.  Nothing is ever judged by its beginning."""
    if len(data) <= TEXT_MAX:
        return ""
    return f"{name} is larger than {TEXT_MAX >> 10} KB; make it shorter (what is repeated can be a loop) and submit again"


def _unmarked(data: bytes) -> str:
    """UTF-16 shows by its zero bytes: every second one, from the first sign on, on one side only."""
    pairs = len(data) // 2
    even, odd = data[0:2 * pairs:2].count(0), data[1:2 * pairs:2].count(0)
    if data[1:2] == b"\0" and 2 * odd > pairs and 8 * even < odd:
        return "utf-16-le"
    if data[:1] == b"\0" and 2 * even > pairs and 8 * odd < even:
        return "utf-16-be"
    return "utf-8"
