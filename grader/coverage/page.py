"""build/coverage/index.html: the feature map with its tests, one page that needs nothing else."""

from __future__ import annotations

from html import escape

from .join import Covered

STYLE = """
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #cf222e; --dim: #6e7781; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
.done { color: var(--ok); } .failing { color: var(--bad); } .missing, .not { color: var(--dim); }
small, details { color: var(--dim); } summary { cursor: pointer; }
.bar { height: .6rem; background: var(--line); border-radius: .3rem; overflow: hidden; }
.bar div { height: 100%; background: var(--ok); }
"""


def render(covered: "list[Covered]", scope: str) -> str:
    done = sum(each.done for each in covered)
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
             f"<title>Mica: feature map</title><style>{STYLE}</style>",
             f"<h1>Feature map</h1><p>{done} of {len(covered)} rows have a passing test, or a page if they are documentation.", scope_line(covered, scope),
             f"<div class=bar><div style='width:{100 * done / max(1, len(covered)):.1f}%'></div></div>"]
    group = None
    for each in covered:
        if each.row.group != group:
            parts.append(("</table>" if group else "") + heading(covered, each.row.group))
            group = each.row.group
        parts.append(line(each))
    return "\n".join(parts) + "</table></html>\n"


def scope_line(covered: "list[Covered]", scope: str) -> str:
    inside = [each for each in covered if each.row.scope == scope]
    return f" In scope <i>{escape(scope)}</i>: {sum(each.done for each in inside)} of {len(inside)}.</p>" if inside else "</p>"


def heading(covered: "list[Covered]", group: str) -> str:
    inside = [each for each in covered if each.row.group == group]
    return (f"<h2 id='{group[:3]}'>{escape(group)} <small>{sum(each.done for each in inside)} of {len(inside)}</small></h2>"
            "<table><tr><th>ID<th>Item<th>Tier<th>Scope<th>State<th>Tests")


def line(each: Covered) -> str:
    row = each.row
    tests = [f"<li>{escape(name)}" for name in each.passed]
    tests += [f"<li>page: {escape(name)}" for name in each.pages]
    tests += [f"<li class=failing>{escape(name)} fails" for name in each.failed]
    tests += [f"<li class=not>{escape(name)} was not run" for name in each.not_run]
    listed = f"<details><summary>{len(tests)}</summary><ul>{''.join(tests)}</ul></details>" if tests else ""
    return (f"<tr id='{row.id}'><td>{row.id}<td>{escape(row.item)}<br><small>{escape(row.holds)}</small><td>{escape(row.tier)}"
            f"<td>{escape(row.scope)}<td class='{each.state.split()[0]}'>{each.state}<td>{listed}")
