// Draws the timeline in the page's JSON block. Texts reach the page through textContent and the canvas only.
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const view = $("view"), map = $("map"), g = view.getContext("2d"), gm = map.getContext("2d");
const KIND = { title: 0, light: 1, dark: 2, height: 3, shown: 4, loud: 5, shape: 6 };

// One form for all: what = span | instant | arrow.
const items = [];
D.spans.forEach(s => items.push({ what: "span", row: s[0], at: s[1], end: s[2], kind: s[3], label: s[4], details: s[5], level: s[6] }));
D.instants.forEach(s => items.push({ what: "instant", row: s[0], at: s[1], end: s[1], kind: s[2], label: s[3], details: s[4], excerpt: s[5] }));
D.arrows.forEach(s => items.push({ what: "arrow", row: s[0], at: s[1], to: s[2], end: s[3], kind: s[4], label: s[5], details: s[6] }));
items.sort((a, b) => a.at - b.at);
const few = D.unit !== "us" && D.rows.filter(r => r[1] === D.rows[0][1]).length <= 4; // the steps of two or three sides
const spansOf = D.rows.map(() => [[], []]), instantsOf = D.rows.map(() => []), arrows = [];
items.forEach(i => i.what === "span" ? spansOf[i.row][Math.min(1, i.level)].push(i) : i.what === "instant" ? instantsOf[i.row].push(i) : arrows.push(i));
const loud = items.filter(i => i.what === "instant" && D.kinds[i.kind][KIND.loud]);
const shown = D.kinds.map(k => k[KIND.shown]);
const extent = D.range[1] - D.range[0];
let dark = matchMedia("(prefers-color-scheme: dark)").matches, size = 15;
let from = D.range[0], to = D.range[1], top0 = 0, chosen = null, matches = [], match = -1, hits = [], hover = null, allArrows = true;

// ---- numbers and colours -----------------------------------------------------------------------------------------
const styles = new Map(); // asked once a theme: asking takes long
function css(name) {
  if (!styles.has(name)) styles.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return styles.get(name);
}
const colour = kind => D.kinds[kind][dark ? KIND.dark : KIND.light];
function number(value, digits) { return (value + 0 || 0).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }); }
function time(value, step) {
  if (D.unit !== "us") return number(Math.round(value), 0);
  const digits = step === undefined ? 3 : Math.max(0, Math.min(3, -Math.floor(Math.log10(step))));
  return number(value, digits);
}
const unitName = D.unit === "us" ? "µs" : D.unit;
const lasting = value => D.unit === "us" && value >= 1000 ? number(value / 1000, 3) + " ms" : time(value) + " " + unitName;

// ---- layout ------------------------------------------------------------------------------------------------------
let W = 0, H = 0, gutter = 170, axis = 34, rowH = 40, rows = [], height = 0;
function layout() {
  const ratio = window.devicePixelRatio || 1;
  W = view.clientWidth; H = view.clientHeight;
  for (const [canvas, context] of [[view, g], [map, gm]]) {
    canvas.width = Math.round(canvas.clientWidth * ratio); canvas.height = Math.round(canvas.clientHeight * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  document.documentElement.style.setProperty("--size", size + "px");
  axis = size * 2.2;
  g.font = font(600);
  gutter = Math.min(W * .34, 24 + Math.max(60, ...D.rows.flatMap(r => [r[0], r[2], r[1]]).map(text => g.measureText(text).width)));
  const bands = D.rows.filter((r, i) => !i || r[1] !== D.rows[i - 1][1]).length, room = H - axis - bands * size * 1.9 - 12;
  rowH = Math.max(size * 2.7, Math.min(size * (few ? 7 : 5), room / D.rows.length));
  rows = []; let y = 0, band = null;
  D.rows.forEach(([name, inBand, note], i) => {
    if (inBand !== band) { rows.push({ title: inBand, y, h: size * 1.9 }); y += size * 1.9; band = inBand; }
    rows.push({ index: i, name, note, y, h: rowH }); y += rowH;
  });
  height = y + 12;
  top0 = Math.max(0, Math.min(top0, height - (H - axis)));
}
const font = weight => `${weight} ${size * .93}px system-ui, "Segoe UI", "DejaVu Sans", sans-serif`;
const x = t => gutter + (t - from) / (to - from) * (W - gutter);
const t = px => from + (px - gutter) / (W - gutter) * (to - from);
const rowOf = index => rows.find(r => r.index === index);
// A row from top to bottom: a lane for moments, the bars, and a channel in which arrows begin and end.
const MOMENTS = .62, BARS = 1.12, CHANNEL = .42; // in heights of a letter
const lane = index => axis + rowOf(index).y - top0 + size * MOMENTS;
const floor = index => { const r = rowOf(index); return axis + r.y + r.h - top0 - size * CHANNEL; };
const middle = index => { const r = rowOf(index); return axis + r.y + r.h / 2 - top0; };

// ---- drawing -----------------------------------------------------------------------------------------------------
let waiting = false, printed = null; // printed: the theme to go back to while a printer has the page
function draw() { if (printed !== null) { paint(); paintMap(); } else if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; paint(); paintMap(); }); } }

function firstAfter(list, at) { // first whose end may be visible: of one level, for those do not overlap
  let low = 0, high = list.length;
  while (low < high) { const m = (low + high) >> 1; if (list[m].end < at) low = m + 1; else high = m; }
  return Math.max(0, low - 2);
}

function paint() {
  const ink = css("--text"), soft = css("--soft"), line = css("--line");
  hits = [];
  g.clearRect(0, 0, W, H);
  g.save();
  g.beginPath(); g.rect(0, axis, W, H - axis); g.clip();
  for (const r of rows) {
    const y = axis + r.y - top0;
    if (y > H || y + r.h < axis) continue;
    if (r.title !== undefined) {
      g.fillStyle = css("--panel"); g.fillRect(0, y, W, r.h);
      g.fillStyle = soft; g.font = font(700); g.textBaseline = "middle"; g.fillText(r.title, 10, y + r.h / 2);
      continue;
    }
    if (r.index % 2) { g.fillStyle = css("--stripe"); g.fillRect(0, y, W, r.h); }
    g.strokeStyle = css("--grid"); g.beginPath(); g.moveTo(0, y + r.h - .5); g.lineTo(W, y + r.h - .5); g.stroke();
  }
  const step = ticks();
  g.strokeStyle = css("--grid");
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) { g.beginPath(); g.moveTo(x(at), axis); g.lineTo(x(at), H); g.stroke(); }
  g.restore();
  g.save();
  g.beginPath(); g.rect(gutter, axis, W - gutter, H - axis); g.clip();
  const plain = paintArrows(); // below bars and labels
  for (const r of rows) if (r.index !== undefined && axis + r.y - top0 < H && axis + r.y + r.h - top0 > axis) paintRow(r);
  plain.forEach(a => paintArrow(a, "strong"));
  paintLoud();
  g.restore();
  g.save();
  g.beginPath(); g.rect(0, axis, gutter, H - axis); g.clip();
  for (const r of rows) {
    if (r.index === undefined) continue;
    const y = axis + r.y - top0;
    g.fillStyle = ink; g.font = font(600); g.textBaseline = "middle";
    g.fillText(clip(r.name, gutter - 20), 12, y + r.h / 2 - (r.note ? size * .55 : 0));
    if (r.note) { g.fillStyle = soft; g.font = font(400); g.fillText(clip(r.note, gutter - 20), 12, y + r.h / 2 + size * .6); }
  }
  g.restore();
  g.fillStyle = css("--panel"); g.fillRect(0, 0, W, axis);
  g.fillStyle = ink; g.font = font(400); g.textBaseline = "middle"; g.textAlign = "center";
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) if (x(at) > gutter - 1) {
    const text = time(at, step), half = g.measureText(text).width / 2;
    g.fillText(text, Math.min(Math.max(x(at), gutter + half), W - half - 4), axis / 2);
    g.strokeStyle = soft; g.beginPath(); g.moveTo(x(at), axis - 5); g.lineTo(x(at), axis); g.stroke();
  }
  g.textAlign = "left"; g.fillStyle = soft; g.fillText(unitName === "step" ? "steps" : unitName, 12, axis / 2);
  g.strokeStyle = line; g.beginPath(); g.moveTo(0, axis - .5); g.lineTo(W, axis - .5); g.moveTo(gutter - .5, 0); g.lineTo(gutter - .5, H); g.stroke();
}

function ticks() {
  const rough = (to - from) / Math.max(3, (W - gutter) / (size * 8)), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough);
  return D.unit === "us" ? step : Math.max(1, step);
}

function clip(text, width) {
  if (g.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) { const m = (low + high + 1) >> 1; if (g.measureText(text.slice(0, m) + "…").width <= width) low = m; else high = m - 1; }
  return low > 2 ? text.slice(0, low) + "…" : "";
}

function paintRow(r) {
  const base = axis + r.y - top0, found = new Set(matches), roof = base + size * BARS, full = floor(r.index) - roof;
  let lastX = [-1, -1];
  for (const level of [0, 1]) {
    const list = spansOf[r.index][level];
    for (let i = level ? 0 : firstAfter(list, from); i < list.length && list[i].at <= to; i++) {
      const s = list[i];
      if (s.end < from || !shown[s.kind]) continue;
      const x0 = Math.max(x(s.at), gutter - 4), x1 = Math.min(x(s.end), W + 4), w = Math.max(1.2, x1 - x0);
      if (x0 + w <= lastX[level] + .4) continue;
      lastX[level] = x0 + w;
      const h = full * D.kinds[s.kind][KIND.height], y = roof + full - h;
      g.fillStyle = colour(s.kind); g.beginPath();
      if (w > 6) g.roundRect(x0, y, w - .6, h, Math.min(4, h / 2)); else g.rect(x0, y, w, h);
      g.fill();
      mark(s, found, () => g.strokeRect(x0 - 1, y - 1, w + 2, h + 2));
      hits.push({ item: s, x0, x1: x0 + w, y0: h < 12 ? y - 6 : y, y1: h < 12 ? y + h + 6 : y + h, rank: level ? 2 : 3 });
      const thin = h < size * 1.1;
      if (w > size * 2.4 && !few && !(thin && level)) { // above a thin bar of level 1 stands what level 0 says
        g.font = font(thin ? 400 : 600); g.textBaseline = "middle"; g.fillStyle = thin ? css("--text") : dark ? "#0b0f14" : "#ffffff";
        const left = Math.max(x0, gutter) + 5, text = clip(s.label, x1 - left - 5);
        const at = Math.max(thin ? y - size * .58 : y + h / 2 + .5, roof + size * .3);
        if (thin && at + size * .42 > y + 2) continue; // a low row has no room above the bar, which its colour and height tell
        if (text && thin) { g.lineWidth = 3.5; g.lineJoin = "round"; g.strokeStyle = css(r.index % 2 ? "--stripe" : "--ground"); g.strokeText(text, left, at); g.lineWidth = 1; }
        if (text) g.fillText(text, left, at);
      }
    }
  }
  let last = -9, lastFound = -9, label = -9;
  for (let i = firstAfter(instantsOf[r.index], from); i < instantsOf[r.index].length && instantsOf[r.index][i].at <= to; i++) {
    const s = instantsOf[r.index][i];
    if (!shown[s.kind] || s.at < from) continue;
    const px = x(s.at), y = lane(r.index), d = Math.max(4.5, size * .36);
    if (px - last < .8 && s !== chosen && !(found.has(s) && px - lastFound >= .8)) continue;
    last = px;
    if (found.has(s)) lastFound = px;
    g.fillStyle = colour(s.kind); g.strokeStyle = css("--ground"); g.lineWidth = 1.4;
    shape(D.kinds[s.kind][KIND.shape], px, y, d); g.stroke(); g.fill();
    g.lineWidth = 1;
    mark(s, found, () => { g.beginPath(); g.arc(px, y, d + 4, 0, 7); g.stroke(); });
    if (few && px > label) {
      g.font = font(s === chosen ? 600 : 400); g.fillStyle = css("--text"); g.textBaseline = "alphabetic";
      const next = instantsOf[r.index].slice(i + 1).find(o => shown[o.kind]), room = (next ? x(next.at) : W) - px;
      g.lineWidth = 3.5; g.lineJoin = "round"; g.strokeStyle = css(r.index % 2 ? "--stripe" : "--ground");
      if (room > size * 3.4) { g.strokeText(clip(s.label, Math.max(room - 2.6 * d, 0)), px + d + 3, y + size * .33); g.lineWidth = 1; g.fillStyle = css("--text"); g.fillText(clip(s.label, Math.max(room - 2.6 * d, 0)), px + d + 3, y + size * .33); label = px; }
    }
    hits.push({ item: s, x0: px - d - 2, x1: px + d + 2, y0: y - d - 2, y1: y + d + 2, rank: 0, middle: px });
  }
}

// What went wrong: a line through all rows and a large diamond, over everything else.
function paintLoud() {
  for (const s of loud) {
    if (!shown[s.kind] || s.at < from || s.at > to) continue;
    const px = x(s.at), y = lane(s.row), d = size * .62;
    g.strokeStyle = g.fillStyle = colour(s.kind); g.lineWidth = s === chosen ? 4 : 2.5;
    g.beginPath(); g.moveTo(px, axis); g.lineTo(px, H); g.stroke();
    g.beginPath(); g.moveTo(px, y - d); g.lineTo(px + d, y); g.lineTo(px, y + d); g.lineTo(px - d, y); g.closePath(); g.fill();
    g.lineWidth = 1;
    hits.push({ item: s, x0: px - d, x1: px + d, y0: y - d, y1: y + d, rank: -1, middle: px });
  }
}

function mark(item, found, outline) {
  if (item !== chosen && item !== hover && !found.has(item)) return;
  g.save(); g.lineWidth = item === chosen ? 3 : 2; g.strokeStyle = item === chosen ? css("--text") : item === hover ? css("--soft") : css("--accent");
  outline(); g.restore();
}

function shape(name, px, y, d) {
  g.beginPath();
  if (name === "circle") g.arc(px, y, d * .82, 0, 7);
  else if (name === "square") g.rect(px - d * .78, y - d * .78, d * 1.56, d * 1.56);
  else if (name === "up") { g.moveTo(px, y - d); g.lineTo(px + d, y + d * .8); g.lineTo(px - d, y + d * .8); }
  else if (name === "down") { g.moveTo(px, y + d); g.lineTo(px + d, y - d * .8); g.lineTo(px - d, y - d * .8); }
  else { g.moveTo(px, y - d); g.lineTo(px + d, y); g.lineTo(px, y + d); g.lineTo(px - d, y); }
  g.closePath();
}

// Whether an arrow belongs to a moment, or began or ended a bar.
const near = (a, b) => Math.abs(a - b) < 1e-6;
const belongs = (a, i) => i && i.what !== "arrow" && (a.row === i.row && i.what === "instant" && near(a.at, i.at)
  || a.to === i.row && (near(a.end, i.end) || near(a.end, i.at)));

/** Draws the quiet ones; returns those that are to lie over everything. */
function paintArrows() {
  const visible = arrows.filter(a => shown[a.kind] && Math.max(a.at, a.end) >= from && Math.min(a.at, a.end) <= to);
  const found = new Set(matches), seen = new Set(), strong = [], style = visible.length > 120 ? "faint" : "quiet";
  for (const a of visible) {
    if (a === chosen || a === hover || found.has(a) || belongs(a, hover) || belongs(a, chosen) || few && D.kinds[a.kind][KIND.shown]) { strong.push(a); continue; }
    const key = `${Math.round(x(a.at) / 2)},${Math.round(x(a.end) / 2)},${a.row},${a.to},${a.kind}`;
    if (!allArrows || seen.has(key)) continue;
    seen.add(key);
    paintArrow(a, style);
  }
  return strong;
}

function paintArrow(a, style) {
  const strong = style === "strong", down = rowOf(a.to).y > rowOf(a.row).y, gap = Math.max(4.5, size * .36) + 2;
  const x0 = x(a.at), x1 = x(a.end), y0 = down ? floor(a.row) + 1 : lane(a.row) - gap, y1 = down ? lane(a.to) - gap : floor(a.to) + 1;
  const tall = (y1 - y0) * .55, head = size * (strong ? .5 : .36), curve = [x0, y0, x0, y0 + tall, x1, y1 - tall, x1, y1];
  const path = () => { g.beginPath(); g.moveTo(x0, y0); g.bezierCurveTo(...curve.slice(2, 6), x1, y1); g.stroke(); };
  if (strong) { g.strokeStyle = css("--ground"); g.globalAlpha = .8; g.lineWidth = 6; path(); }
  g.strokeStyle = g.fillStyle = colour(a.kind); g.lineWidth = strong ? 2.6 : 1.2;
  g.globalAlpha = strong ? 1 : style === "quiet" ? .6 : .32;
  path();
  const sign = down ? -1 : 1; // it always arrives straight from above or below
  g.beginPath(); g.moveTo(x1, y1); g.lineTo(x1 - head * .55, y1 + sign * head); g.lineTo(x1 + head * .55, y1 + sign * head); g.closePath(); g.fill();
  if (strong) { g.beginPath(); g.arc(x0, y0, 3, 0, 7); g.fill(); }
  g.globalAlpha = 1; g.lineWidth = 1;
  hits.push({ item: a, arrow: curve, x0: Math.min(x0, x1) - 6, x1: Math.max(x0, x1) + 6, y0: Math.min(y0, y1) - 6, y1: Math.max(y0, y1) + 6, rank: 4 });
}

function paintMap() {
  const w = map.clientWidth, h = map.clientHeight, scale = (w - 2) / extent, at = v => 1 + (v - D.range[0]) * scale;
  gm.clearRect(0, 0, w, h); gm.fillStyle = css("--panel"); gm.fillRect(0, 0, w, h);
  const each = (h - 6) / D.rows.length;
  spansOf.forEach(([list], row) => {
    let last = -1;
    for (const s of list) {
      if (D.kinds[s.kind][KIND.height] < .5 || at(s.end) <= last + .5) continue;
      last = Math.max(at(s.end), at(s.at) + 1);
      gm.fillStyle = colour(s.kind); gm.fillRect(at(s.at), 3 + row * each, Math.max(1, at(s.end) - at(s.at)), Math.max(1, each - 1));
    }
  });
  gm.fillStyle = css("--accent"); for (const m of matches.slice(0, 4000)) gm.fillRect(at(m.at), 0, 1.5, 4);
  const left = at(from), right = Math.max(left + 3, at(to));
  gm.fillStyle = dark ? "rgba(0,0,0,.55)" : "rgba(120,130,145,.28)"; gm.fillRect(0, 0, left, h); gm.fillRect(right, 0, w - right, h);
  gm.strokeStyle = css("--accent"); gm.lineWidth = 2; gm.strokeRect(left, 1, right - left, h - 2); gm.lineWidth = 1;
}

// ---- moving ------------------------------------------------------------------------------------------------------
const least = D.unit === "us" ? .02 : 4;
function show(a, b) {
  const width = Math.min(Math.max(b - a, least), extent * 1.04), margin = extent * .02;
  from = Math.min(Math.max(a, D.range[0] - margin), D.range[1] + margin - width); to = from + width;
  draw(); if (!$("list").hidden) fillList();
}
function zoom(factor, at) { const where = at === undefined ? (from + to) / 2 : at; show(where - (where - from) * factor, where + (to - where) * factor); }
const pan = part => show(from + (to - from) * part, to + (to - from) * part);
const scroll = by => { top0 = Math.max(0, Math.min(top0 + by, height - (H - axis))); draw(); };
const all = () => show(D.range[0] - extent * .02, D.range[1] + extent * .02);
function reveal(item) {
  const width = to - from, end = Math.max(item.at, item.end), begin = Math.min(item.at, item.end);
  if (begin < from || begin > to || end - begin > width * 4) show((begin + Math.min(end, begin + width)) / 2 - width / 2, (begin + Math.min(end, begin + width)) / 2 + width / 2);
  const r = rowOf(item.row);
  if (r.y < top0 || r.y + r.h > top0 + H - axis) { top0 = r.y - (H - axis) / 3; scroll(0); }
}

view.addEventListener("wheel", e => {
  e.preventDefault();
  if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(Math.sign(e.deltaX || e.deltaY) * .08);
  else zoom(e.deltaY > 0 ? 1.22 : 1 / 1.22, t(Math.max(gutter, e.offsetX)));
}, { passive: false });
let drag = null;
view.addEventListener("pointerdown", e => { drag = { x: e.clientX, y: e.clientY, from, to, top0, moved: false }; view.setPointerCapture(e.pointerId); });
view.addEventListener("pointermove", e => {
  if (drag) {
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) { drag.moved = true; view.classList.add("drag"); $("tip").hidden = true; }
    if (drag.moved) { const by = -dx / (W - gutter) * (drag.to - drag.from); show(drag.from + by, drag.to + by); top0 = drag.top0 - dy; scroll(0); }
    return;
  }
  const item = at(e.offsetX, e.offsetY);
  if (item !== hover) { hover = item; showSource(hover || chosen); draw(); }
  const tip = $("tip");
  tip.hidden = !item;
  if (item) {
    tip.textContent = `${item.label}\n${time(item.at)} ${unitName}` + (item.what === "span" ? `, for ${lasting(item.end - item.at)}` : "");
    tip.style.left = Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.min(e.clientY + 16, innerHeight - tip.offsetHeight - 8) + "px";
  }
});
view.addEventListener("pointerup", e => { const was = drag; drag = null; view.classList.remove("drag"); if (was && !was.moved) choose(at(e.offsetX, e.offsetY)); });
view.addEventListener("pointerleave", () => { $("tip").hidden = true; if (hover) { hover = null; showSource(chosen); draw(); } });
const jump = e => { const w = to - from, c = D.range[0] + e.offsetX / map.clientWidth * extent; show(c - w / 2, c + w / 2); };
map.addEventListener("pointerdown", e => { jump(e); map.setPointerCapture(e.pointerId); map.onpointermove = jump; });
map.addEventListener("pointerup", () => { map.onpointermove = null; });

function at(px, py) {
  if (px < gutter || py < axis) return null;
  const near = hits.filter(h => px >= h.x0 && px <= h.x1 && py >= h.y0 && py <= h.y1 && (!h.arrow || onArrow(h.arrow, px, py)));
  near.sort((a, b) => a.rank - b.rank || Math.abs((a.middle ?? px) - px) - Math.abs((b.middle ?? px) - px));
  return near.length ? near[0].item : null;
}
function onArrow([x0, y0, x1, y1, x2, y2, x3, y3], px, py) {
  const steps = 12 + Math.ceil((Math.abs(y3 - y0) + Math.abs(x3 - x0)) / 8);
  for (let i = 0; i <= steps; i++) {
    const u = i / steps, v = 1 - u;
    const bx = v * v * v * x0 + 3 * v * v * u * x1 + 3 * v * u * u * x2 + u * u * u * x3, by = v * v * v * y0 + 3 * v * v * u * y1 + 3 * v * u * u * y2 + u * u * u * y3;
    if (Math.hypot(bx - px, by - py) < 6) return true;
  }
  return false;
}
