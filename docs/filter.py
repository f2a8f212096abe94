#!/usr/bin/env python3
"""filter.py FILE: what Doxygen reads instead of FILE. Line numbers stay; but docs/site.md, the site's first page, is filled
with the table of the labs and the kernel's house plan.

C++: the comment that a file opens with becomes the documentation of the file. Markdown: ```mermaid flow charts and
state diagrams become graphviz graphs, so that the site needs no script from elsewhere; other diagrams stay as text.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NODE = r'([\w.]+)(?:(\[\[|\[\(|\(\[|\(\(|\[|\(|\{\{|\{|>)(.*?)(\]\]|\)\]|\]\)|\)\)|\]|\)|\}\}|\}))?(?::::\w+)?'
ARROW = (r'\s*(<?(?:--|==|-\.)\s+[^-=.|>\s][^|>]*?\s+(?:--+>?|==+>?|\.+->?)|<?(?:--+|==+|-\.+-)[>xo]?|~~~)'
         r'\s*(?:\|\s*"?(.*?)"?\s*\|)?\s*')
SHAPES = {"(": "box, style=rounded", "([": "box, style=rounded", "((": "circle", "{": "diamond", "{{": "hexagon",
          "[(": "cylinder"}


def cpp(lines):
    """`// text` at the head of a file -> `/// @file` and the text, in the same number of lines."""
    end = next((number for number, line in enumerate(lines) if not line.startswith("//")), len(lines))
    if end == 0 or lines[0].startswith(("///", "//!")):
        return lines
    text = [line[2:].strip().replace("\\", "\\\\") for line in lines[:end]]
    if end == 1:  # there must be room for two lines
        return ["/// @file", f"/// {text[0]}"] + lines[2:] if len(lines) > 1 and not lines[1].strip() else lines
    second = " ".join(part for part in text[:2] if part)
    head = ["/// @file", f"/// {second}"] + [f"/// {line}".rstrip() for line in text[2:]]
    return head + lines[end:]


def label(text):
    return re.sub(r"<br\s*/?>", r"\\n", text.strip().strip('"')).replace('"', '\\"')


def flow(body, direction):
    """A mermaid flow chart as dot; None where it holds something else than nodes, edges and boxes."""
    out = [f"digraph {{ rankdir={direction}; compound=true; bgcolor=transparent; node [shape=box, fontname=Helvetica, fontsize=10]; "
           "edge [fontname=Helvetica, fontsize=9];"]
    depth = 0
    boxes = {}  # a box's name -> its number, and the first node inside, which stands for it
    for line in (line.strip().rstrip(";") for line in body):
        if not line or line.startswith(("%%", "style ", "classDef ", "class ", "linkStyle ", "click ", "direction ")):
            out.append("")
        elif line.startswith("subgraph"):
            match = re.match(r'subgraph\s+([\w.]+)?\s*(?:\[(.*)\]|"(.*)")?', line)
            name = match[2] or match[3] or match[1] or ""
            depth += 1
            boxes[match[1] or name] = [len(out), ""]
            out.append(f'subgraph cluster{len(out)} {{ label="{label(name)}"; fontname=Helvetica; fontsize=10;')
        elif line == "end":
            depth -= 1
            out.append("}")
        else:
            graph = chain(line)
            if graph is None:
                return None
            for box in boxes.values():
                box[1] = box[1] or (graph.split(" ", 1)[0] if depth else "")
            out.append(graph)
    out = [to_boxes(line, boxes) for line in out]
    return out[:-1] + [out[-1] + " }"] if depth == 0 and len(out) > 1 else None


def to_boxes(line, boxes):
    """Arrows from and to a box end at its border."""
    for name, (number, inside) in boxes.items():
        if inside:
            line = re.sub(rf'-> "{re.escape(name)}" \[', f"-> {inside} [lhead=cluster{number}, ", line)
            line = re.sub(rf'"{re.escape(name)}" -> ("[^"]*") \[', rf"{inside} -> \1 [ltail=cluster{number}, ", line)
    return line


def nodes(text):
    """`a["x"] & b`: their names, and the dot that declares them."""
    names, dot = [], ""
    for part in re.split(r"\s+&\s+", text.strip()):
        match = re.fullmatch(NODE, part.strip())
        if not match:
            return None, None
        names.append(f'"{match[1]}"')
        if match[2]:
            dot += f'"{match[1]}" [label="{label(match[3])}", shape={SHAPES.get(match[2], "box")}]; '
    return names, dot


def chain(line):
    """One line of nodes and arrows."""
    parts, rest = [], line
    while True:
        match = re.match(rf"({NODE}(?:\s+&\s+{NODE})*)", rest)
        if not match:
            return None
        parts.append((match[1], None))
        rest = rest[match.end():]
        if not rest.strip():
            break
        arrow = re.match(ARROW, rest)
        if not arrow or not arrow[1]:
            return None
        inner = re.sub(r'^[<]?[-=.~]+|[-=.>xo~]+$', "", arrow[1]).strip().strip('"')
        parts[-1] = (parts[-1][0], (arrow[1], arrow[2] or inner))
        rest = rest[arrow.end():]
    dot, before, edge = "", None, None
    for text, arrow in parts:
        names, declared = nodes(text)
        if names is None:
            return None
        dot += declared
        if before:
            style = ("style=dashed, " if "." in edge[0] else "style=invis, " if "~" in edge[0] else "") + \
                ("dir=both, " if edge[0].startswith("<") else "dir=none, " if edge[0][-1] not in ">xo" else "")
            dot += "".join(f'{a} -> {b} [{style}label="{label(edge[1])}"]; ' for a in before for b in names)
        before, edge = names, arrow
    return dot


def states(body):
    out = ["digraph { bgcolor=transparent; node [shape=box, style=rounded, fontname=Helvetica, fontsize=10]; "
           "edge [fontname=Helvetica, fontsize=9];"]
    for line in (line.strip() for line in body):
        match = re.match(r"(\[\*\]|\w+)\s*-->\s*(\[\*\]|\w+)\s*(?::\s*(.*))?$", line)
        if match:
            ends = ['"start"' if match[1] == "[*]" else f'"{match[1]}"', '"end"' if match[2] == "[*]" else f'"{match[2]}"']
            points = "".join(f'{end} [label="", shape=point]; ' for end, text in zip(ends, match.groups()) if text == "[*]")
            out.append(f'{points}{ends[0]} -> {ends[1]} [label="{label(match[3] or "")}"];')
        elif not line or line.startswith(("%%", "direction")):
            out.append("")
        else:
            named = re.match(r'state\s+"(.*)"\s+as\s+(\w+)$', line) or re.match(r"(?P<b>\w+)\s*:\s*(?P<a>.*)$", line)
            if not named:
                return None
            text, name = (named[1], named[2]) if not named.groupdict() else (named["a"], named["b"])
            out.append(f'"{name}" [label="{label(text)}"];')
    return out[:-1] + [out[-1] + " }"]


def diagram(body):
    first, rest = body[0].strip(), body[1:]
    if re.match(r"(flowchart|graph)\b", first):
        direction = first.split()[1] if len(first.split()) > 1 else "TB"
        return flow(rest, {"TD": "TB"}.get(direction, direction))
    if first.startswith("stateDiagram"):
        return states(rest)
    return None


def markdown(lines):
    out, number = [], 0
    while number < len(lines):
        if lines[number].strip() == "```mermaid":
            end = next((at for at in range(number + 1, len(lines)) if lines[at].strip() == "```"), len(lines))
            dot = diagram(lines[number + 1:end]) if end > number + 1 else None
            out += ["@dot"] + dot + ["@enddot"] if dot else ["```text"] + lines[number + 1:end + 1]
            number = end + 1
        else:
            out.append(lines[number])
            number += 1
    return out


def labs():
    """The labs as a table: their handouts, exercises and points, from their manifests."""
    sys.path.insert(0, str(ROOT))
    from grader.labs import manifests
    rows = ["| lab | exercises | points |", "| --- | --- | ---: |"]
    for lab in manifests(ROOT):
        exercises = "; ".join(f"{exercise.number} {exercise.title}" for exercise in lab.exercises)
        further = sum(exercise.points for exercise in lab.further)
        more = f" + {further} further" if further else ""
        rows.append(f"| [{lab.number} {lab.title}](../labs/{lab.folder}/README.md) | {exercises} | {lab.points}{more} |")
    return rows


def house_plan():
    """The first diagram of the kernel's README."""
    lines = (ROOT / "kernel" / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("```mermaid")
    return lines[start:lines.index("```", start) + 1]


PARTS = {"<!-- labs -->": labs, "<!-- house plan -->": house_plan}


def filled(lines):
    """The site's first page with the parts that are kept elsewhere."""
    return [part for line in lines for part in (PARTS[line]() if line in PARTS else [line])]


def main(path):
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    first = Path(path).resolve() == ROOT / "docs" / "site.md"
    done = markdown(filled(lines) if first else lines) if path.endswith(".md") else cpp(lines)
    if first:
        done[0] += " {#mainpage}"
    sys.stdout.write("\n".join(done) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
