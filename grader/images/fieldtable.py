"""Makes a table of fields (KdFieldTable) from the debug information of the object that lists its types.

    python3 -m grader.images.fieldtable OBJECT > SOURCE

The object defines `FIELD_TABLE_OF<KTHREAD, KPRCB, KOBJECTS, ...> KdFieldTableTypes`; the source defines KdFieldTable
(kernel/inc/kd.h: KD_FIELD), a row for each size, field and value, as the compiler laid them out:

    "sizeof KTHREAD"                offset 0, size of the structure
    "KTHREAD.State"                 offset and size of a field; fields of nameless structures and unions stand for themselves
    "enum KTHREAD_STATE.Ready"      offset = the value, size = of the enumeration

Invariant: a type that cannot be told whole is an error. A table that lacks fields would be found out by a student.
In the books: "symbol files".  TOL-07.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from grader.errors import GraderError
from grader.images import dwarf
from grader.images.coff import CoffFile

TEMPLATE, ENDING = "FIELD_TABLE_OF", "Types"
NUMBER_MAX = 0xFFFF  # KD_FIELD has 16 bits for each number
Row = Tuple[str, int, int]


def tables(data: bytes) -> "List[Tuple[str, List[Row]]]":
    """(name, rows) of each table that an object lists the types of."""
    file = CoffFile(data)
    debug = dwarf.of_sections({section.name: file.content(section) for section in file.sections})
    listed = debug.instances(TEMPLATE) if debug else {}
    if debug is None or not listed:
        raise GraderError(f"no variable of a type {TEMPLATE}<...> in its debug information")
    found = []
    for variable, types in listed.items():
        if not variable.endswith(ENDING) or not types:
            raise GraderError(f"{variable}: its name ends with {ENDING}, and it lists at least one type")
        found.append((variable[:-len(ENDING)], [row for place in types for row in rows(debug, place)]))
    return found


def rows(debug: dwarf.Debug, place: int) -> Iterator[Row]:
    """The rows of one type."""
    name, size = debug.name(place), debug.size(place)
    fields, values = debug.fields(place), debug.values(place)
    if not name or not size or not (fields or values):
        raise GraderError(f"{name or 'a type'}: the debug information does not have the whole of it (compile with -fstandalone-debug)")
    made = [(f"enum {name}.{one}", value, size) for one, value in values] or [
        (f"sizeof {name}", 0, size), *((f"{name}.{one}", offset, width) for one, offset, width in fields)]
    for row in made:
        if not (row[2] and all(0 <= number <= NUMBER_MAX for number in row[1:])):
            raise GraderError(f"{row[0]}: {row[1]} and {row[2]} do not fit into a row of the table")
        yield row


def source(name: str, table: Sequence[Row]) -> str:
    """The C++ that defines a table; the row behind the last has no name."""
    lines = [f'    {{"{field}", {offset}, {size}}},\n' for field, offset, size in table]
    return f'extern "C" const KD_FIELD {name}[] = {{\n{"".join(lines)}    {{nullptr, 0, 0}},\n}};\n'


def main(argv: Optional[Sequence[str]] = None) -> int:
    (path,) = sys.argv[1:] if argv is None else argv
    try:
        made = [source(*table) for table in tables(Path(path).read_bytes())]
    except (GraderError, OSError) as error:
        print(f"{path}: no table of fields: {error}", file=sys.stderr)
        return 1
    print(f"// Made by the build from {path}.\n#include \"kd.h\"\n\n" + "\n".join(made), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
