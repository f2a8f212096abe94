"""What `mica pte`, `mica vad` and `mica pfn` print, made from the grader's views alone (so it is tested without gdb)."""

from __future__ import annotations

from typing import List

from grader.errors import GraderError
from grader.images.symbols import Symbols
from grader.views.memory import Structures
from grader.views.pages import FLAG_NAMES, LISTS, STATES, Pages
from grader.views.ptes import decode, describe
from grader.views.tables import current, pde_address, pte_address
from grader.views.vads import VadTree

KB_PER_PAGE = 4


def number(text: str, what: str) -> int:
    """A number of an argument: decimal, or hexadecimal after 0x."""
    try:
        return int(text, 0)
    except ValueError:
        raise GraderError(f"{text or 'nothing'} is no {what}; write it as 0x80100000") from None


def pte(view: Structures, symbols: Symbols, address: int) -> List[str]:
    """The entries of an address in the current address space."""
    tables, pool = current(view.memory), view.u32(symbols.address("MmNonPagedPoolStart"))
    pde, entry = tables.pde(address), tables.pte(address)
    lines = [f"address {address:08x}", f"  PDE {pde_address(address):08x}  {pde.value:08x}  {describe(pde, pool)}"]
    if entry is not None:
        lines.append(f"  PTE {pte_address(address):08x}  {entry.value:08x}  {describe(entry, pool)}")
    return lines


def vad(view: Structures, symbols: Symbols, wanted: str) -> List[str]:
    """The ranges of a process: by its ID, its address, its name; without a word the System process."""
    process = _process(view, symbols, wanted)
    table = process + view.layout.field("EPROCESS.AddressSpace")[0] + view.layout.field("MM_ADDRESS_SPACE.VadRoot")[0]
    tree = VadTree(view, table)
    lines = [f"{view.text(process, 'EPROCESS.ImageFileName')}: {len(tree.vads)} ranges"]
    if tree.vads:
        lines.append("level  VAD       first     last       pages  commit  kind, protection")
    lines += [f"{one.level:5}  {one.address:08x}  {one.start:08x}  {one.end:08x}  {one.pages:6}  {one.commit:6}  {one.words}" for one in tree.vads]
    return lines + [f"wrong: {text}" for text in tree.wrong]


def pfn(view: Structures, symbols: Symbols, wanted: str) -> List[str]:
    """The page frame number database: one frame, or how many pages are in each state and what does not agree."""
    pages = Pages(view, *(symbols.address(name) for name in ("MmPfnDatabase", "MmHighestPhysicalPage", "MmPageLocationList", "MmAvailablePages")))
    if not wanted:
        counts = pages.count()
        lines = [f"{STATES[state]:16} {count:8} pages {count * KB_PER_PAGE:9} KB" for state, count in counts.items()]
        return lines + [f"{sum(counts.values())} pages, {pages.available} available"] + [f"wrong: {text}" for text in pages.wrong()]
    frame = number(wanted, "page frame")
    if frame >= len(pages.pages):
        raise GraderError(f"the last page is {len(pages.pages) - 1:#x}")
    page = pages.pages[frame]
    if not page.is_memory:
        return [f"page {frame:x} is no memory"]
    flags = "".join(f", {name}" for bit, name in FLAG_NAMES.items() if page.flags & bit)
    listed = page.state < LISTS and not page.references
    lines = [f"page {frame:x}: {STATES[page.state]}{flags}",
             f"  next {page.first:x}, previous {page.second:x}" if listed else f"  ShareCount {page.second}, ReferenceCount {page.references}"]
    if page.pte:
        lines.append(f"  PTE {page.pte:08x} in page {page.pte_frame:x}, originally {page.original:08x} ({describe(decode(page.original))})")
    return lines


def _process(view: Structures, symbols: Symbols, wanted: str) -> int:
    every = view.objects(symbols.address("PsActiveProcessHead"), "EPROCESS.ActiveProcessLinks", 1024)
    if not wanted:
        return view.u32(symbols.address("PsInitialSystemProcess"))
    for process in every:
        name = view.text(process, "EPROCESS.ImageFileName")
        if wanted.lower() == name.lower() or wanted in (str(view.get(process, "EPROCESS.UniqueProcessId")), f"{process:#x}"):
            return process
    raise GraderError(f"no process {wanted}; there are: "
                      + ", ".join(f"{view.text(one, 'EPROCESS.ImageFileName')}({one:#x})" for one in every))
