// What stands beside the canvas: details, list, search, legend, source lines, keys. One script with page.js, behind it.

// ---- details, list, search, legend ---------------------------------------------------------------------------------
function element(tag, text, parent, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  if (parent) parent.append(e);
  return e;
}
// A bar is a bar in the legend, a moment has its shape.
const moments = new Set(items.filter(i => i.what === "instant").map(i => i.kind));
function chip(kind, parent) { const i = element("i", undefined, parent, moments.has(kind) ? D.kinds[kind][KIND.shape] : ""); i.style.background = colour(kind); return i; }
const linked = item => items.filter(o => o !== item && (
  item.what === "arrow" ? o.what !== "arrow" && (o.row === item.row && touches(o, item.at) || o.row === item.to && touches(o, item.end))
  : o.what === "arrow" && (o.row === item.row && touches(item, o.at) || o.to === item.row && touches(item, o.end)))).slice(0, 12);
const touches = (o, when) => when >= o.at - 1e-6 && when <= o.end + 1e-6;

function choose(item) {
  chosen = item;
  const box = $("details");
  box.replaceChildren();
  tab("details");
  showSource(item);
  if (!item) { intro(box); draw(); return; }
  element("h2", item.label, box);
  const kind = element("span", undefined, box, "kind"); chip(item.kind, kind); element("span", D.kinds[item.kind][KIND.title], kind);
  const move = element("div", undefined, box, "move");
  element("button", "◀ before ( , )", move).onclick = () => neighbour(-1);
  element("button", "after ( . ) ▶", move).onclick = () => neighbour(1);
  const table = element("table", undefined, box);
  const line = (name, value) => {
    const tr = element("tr", undefined, table); element("th", name, tr); const td = element("td", undefined, tr);
    element(value.includes("\n") ? "pre" : "span", value, td);
  };
  if (item.what === "arrow") { line("from", D.rows[item.row][0]); line("to", D.rows[item.to][0]); } else line("row", D.rows[item.row][0]);
  line("at", `${few ? "step " : ""}${time(item.at)} ${few ? "" : unitName}`);
  if (item.end !== item.at) line(item.what === "arrow" ? "after" : "for", lasting(item.end - item.at));
  item.details.forEach(([name, value]) => line(name, value));
  const others = linked(item);
  if (others.length) {
    const links = element("div", undefined, box, "links"); element("h2", "Connected", links).style.marginTop = "1em";
    others.forEach(o => { const b = element("button", undefined, links); chip(o.kind, b).style.cssText += ";display:inline-block;width:.8em;height:.8em;margin-right:.5em";
      element("span", o.what === "arrow" ? `${o.label}: ${D.rows[o.row][0]} → ${D.rows[o.to][0]}` : o.label, b); b.onclick = () => { reveal(o); choose(o); }; });
  }
  reveal(item);
  draw();
}
// ---- source lines --------------------------------------------------------------------------------------------------
const figures = []; // those of D.looks; the one behind them is of what is pointed at
let slot = null, sourceShown = D.excerpts.length > 0;
function quote(box, title, excerpt, pressed) {
  const [file, line, first, lines] = D.excerpts[excerpt], caption = element("figcaption", undefined, box);
  const head = element(pressed ? "button" : "strong", title, caption);
  if (pressed) head.onclick = pressed;
  element("span", `${file}:${line}`, caption, "place");
  const code = element("pre", undefined, box, "code");
  code.tabIndex = 0;
  lines.forEach((text, i) => {
    const one = element("span", undefined, code, first + i === line ? "at" : "");
    element("i", `${first + i === line ? "▶ " : ""}${first + i}`, one);
    element("code", text || " ", one);
  });
  const marked = code.querySelector(".at");
  requestAnimationFrame(() => { if (marked) code.scrollTop = marked.offsetTop - code.offsetTop - (code.clientHeight - marked.offsetHeight) / 2; });
}
function source() {
  const box = $("source");
  box.replaceChildren(); figures.length = 0;
  D.looks.forEach(([title, row, time, excerpt]) => {
    const one = element("figure", undefined, box, "look"), own = items.filter(i => i.what === "instant" && i.row === row && near(i.at, time) && i.excerpt === excerpt);
    quote(one, title, excerpt, () => { const i = own.find(i => shown[i.kind]); if (i) { reveal(i); choose(i); } });
    figures.push({ one, row, time, excerpt });
  });
  slot = element("figure", undefined, box);
}
function showSource(item) {
  if (!sourceShown) return;
  const known = item && figures.find(f => f.excerpt === item.excerpt && f.row === item.row && near(f.time, item.at));
  figures.forEach(f => f.one.className = f === known ? "look chosen" : "look");
  const shows = known ? null : item;
  if (slot.item === shows) return;
  slot.item = shows;
  slot.replaceChildren();
  if (shows && shows.excerpt >= 0) quote(slot, `${D.rows[item.row][0]}, ${few ? "step " : ""}${time(item.at)}: ${item.label}`, item.excerpt);
  else element("p", shows ? "The source of this is not shown." : "Point at an event: its line of the source stands here. The keys , and . lead from one to the next.", slot);
}
function toggleSource() { if (!D.excerpts.length) return; sourceShown = !sourceShown; $("source").hidden = !sourceShown; showSource(chosen); }

function intro(box) {
  element("h2", "Click something", box);
  element("p", "A bar, a diamond or an arrow shows here what it was. The wheel zooms, dragging moves, / searches, ? lists all keys.", box);
  const table = element("table", undefined, box, "summary");
  D.rows.forEach(([name, band, note], row) => {
    const busy = spansOf[row][0].filter(s => D.kinds[s.kind][KIND.height] === 1).reduce((sum, s) => sum + s.end - s.at, 0);
    const tr = element("tr", undefined, table); element("th", name, tr); element("td", D.unit === "us" ? `${number(100 * busy / extent, 1)} % running` : note, tr);
  });
}
function neighbour(by) {
  if (!chosen) return;
  const own = items.filter(i => i.row === chosen.row && i.what !== "arrow" && shown[i.kind]);
  let index = own.indexOf(chosen);
  if (index < 0) index = own.findIndex(i => i.at > chosen.at) - (by > 0 ? 1 : 0);
  const next = own[index + by];
  if (next) { reveal(next); choose(next); }
}

function fillList() {
  const box = $("list"), wanted = items.filter(i => i.what !== "arrow" && shown[i.kind] && i.end >= from && i.at <= to && !i.level && (i.what === "instant" || !few));
  const start = Math.max(0, chosen ? wanted.indexOf(chosen) - 150 : 0), part = wanted.slice(start, start + 300);
  box.replaceChildren();
  const table = element("table", undefined, box), head = element("tr", undefined, element("thead", undefined, table)), body = element("tbody", undefined, table);
  const columns = few ? D.rows.map((r, i) => i).filter(i => D.rows[i][1] === D.rows[0][1]) : [];
  element("th", unitName, head);
  if (few) columns.forEach(c => element("th", D.rows[c][0], head)); else { element("th", "row", head); element("th", "what", head); }
  for (const i of part) {
    const tr = element("tr", undefined, body, i === chosen ? "chosen" : "");
    element("td", time(i.at), tr);
    if (few) columns.forEach(c => { const td = element("td", undefined, tr); if (c === i.row) { chip(i.kind, td); element("span", i.label, td); } });
    else { element("td", D.rows[i.row][0], tr); const td = element("td", undefined, tr); chip(i.kind, td); element("span", i.label, td); }
    tr.onmouseenter = () => showSource(i);
    tr.onmouseleave = () => showSource(chosen);
    tr.onclick = () => { if (few) { choose(i); return; } chosen = i; showSource(i); reveal(i); draw(); body.querySelectorAll(".chosen").forEach(e => e.className = ""); tr.className = "chosen"; };
    tr.ondblclick = () => choose(i);
  }
  if (part.length < wanted.length) element("p", `${part.length} of ${wanted.length} in view: zoom in for the others`, box).style.padding = "0 .8em";
  const here = body.querySelector(".chosen"); if (here) here.scrollIntoView({ block: "center" });
}
function tab(name) {
  if (few) { $("details").hidden = $("list").hidden = false; fillList(); return; }
  for (const one of ["details", "list"]) { $(one).hidden = one !== name; $("tab-" + one).setAttribute("aria-selected", String(one === name)); }
  if (name === "list") fillList();
}
$("tab-details").onclick = () => tab("details");
$("tab-list").onclick = () => tab("list");

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const textOf = i => (i.text ??= [i.label, D.kinds[i.kind][KIND.title], D.rows[i.row][0], i.to === undefined ? "" : D.rows[i.to][0], ...i.details.flat()].join(" ").toLowerCase());
  matches = words.length ? items.filter(i => shown[i.kind] && words.every(w => textOf(i).includes(w))) : [];
  match = -1;
  $("found").textContent = words.length ? `${matches.length} found` : "";
  draw();
}
function nextMatch(by) {
  if (!matches.length) return;
  match = match < 0 && by > 0 ? Math.max(0, matches.findIndex(m => m.at >= from)) : (match + by + matches.length) % matches.length;
  $("found").textContent = `${match + 1} of ${matches.length}`;
  reveal(matches[match]); choose(matches[match]);
}
$("search").addEventListener("input", e => search(e.target.value));
$("search").addEventListener("keydown", e => {
  if (e.key === "Enter") nextMatch(e.shiftKey ? -1 : 1);
  if (e.key === "Escape") { e.target.value = ""; search(""); view.focus(); }
  e.stopPropagation();
});

function legend() {
  const box = $("legend");
  box.replaceChildren();
  D.kinds.forEach((k, index) => {
    const b = element("button", undefined, box); chip(index, b); element("span", k[KIND.title], b);
    b.setAttribute("aria-pressed", String(shown[index]));
    b.onclick = () => { shown[index] = !shown[index]; b.setAttribute("aria-pressed", String(shown[index])); search($("search").value); if (!$("list").hidden) fillList(); };
  });
}
function theme(value) { dark = value; document.documentElement.classList.toggle("dark", dark); styles.clear(); legend(); if (chosen) choose(chosen); draw(); }
function resize(by) { size = Math.max(11, Math.min(30, size + by)); document.documentElement.style.setProperty("--size", size + "px"); layout(); draw(); }

function toggleArrows() { allArrows = !allArrows; $("arrows").setAttribute("aria-pressed", String(allArrows)); draw(); }

$("arrows").onclick = toggleArrows;
$("in").onclick = () => zoom(1 / 1.5); $("out").onclick = () => zoom(1.5); $("all").onclick = all;
$("smaller").onclick = () => resize(-2); $("larger").onclick = () => resize(2);
$("theme").onclick = () => theme(!dark); $("help").onclick = () => $("keys").showModal();
const KEYS = {
  "+": () => zoom(1 / 1.5), "=": () => zoom(1 / 1.5), "-": () => zoom(1.5), "0": all, ArrowLeft: () => pan(-.12), ArrowRight: () => pan(.12),
  ArrowUp: () => scroll(-rowH), ArrowDown: () => scroll(rowH), PageUp: () => scroll(-(H - axis) * .8), PageDown: () => scroll((H - axis) * .8),
  "/": () => $("search").focus(), n: () => nextMatch(1), N: () => nextMatch(-1), ",": () => neighbour(-1), ".": () => neighbour(1),
  a: toggleArrows, s: toggleSource, t: () => theme(!dark), "?": () => $("keys").showModal(), Escape: () => choose(null), l: () => tab("list"), d: () => tab("details"),
  f: () => { if (chosen) { const w = Math.max(chosen.end - chosen.at, least) * 1.6, c = (chosen.at + chosen.end) / 2; show(c - w / 2, c + w / 2); } },
};
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || $("keys").open || !KEYS[e.key]) return;
  e.preventDefault(); KEYS[e.key]();
});

addEventListener("beforeprint", () => { printed = dark; theme(false); }); // the picture keeps its size: paper scales it
addEventListener("afterprint", () => { const before = printed; printed = null; theme(before); layout(); draw(); });

// ---- start -------------------------------------------------------------------------------------------------------
document.body.classList.toggle("both", few);
$("title").textContent = D.title;
$("count").textContent = `${number(items.length, 0)} events, ${lasting(extent)}` + (D.unit === "us" ? "" : "s");
D.remarks.forEach(r => element("p", r, $("remarks")));
const query = new URLSearchParams(location.search); // ?theme=dark&size=20&from=0&to=500&find=word&tab=list&arrows=off
if (query.get("size")) size = Math.max(11, Math.min(30, Number(query.get("size")) || 15));
$("source").hidden = !sourceShown;
$("arrows").hidden = !arrows.length;
if (query.get("arrows") === "off") toggleArrows();
source();
new ResizeObserver(() => { if (printed === null) { layout(); draw(); } }).observe($("scroll"));
layout();
theme(query.get("theme") ? query.get("theme") === "dark" : dark);
choose(few && loud.length ? loud[0] : null);
if (query.get("from") && query.get("to")) show(Number(query.get("from")) || 0, Number(query.get("to")) || 0);
else if (D.focus[1] > D.focus[0]) show(D.focus[0], D.focus[1]); else all();
if (query.get("find")) { $("search").value = query.get("find"); search(query.get("find")); nextMatch(1); }
if (query.get("tab") === "list") tab("list");
