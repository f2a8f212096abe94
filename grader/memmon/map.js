"use strict";
// The recording, and the two drawings of it: the map of pages at a moment, and all moments.
const recording = JSON.parse(document.getElementById("data").textContent);
const moments = recording.moments, classes = recording.classes, frames = recording.frames;
const FIELDS = 8;  // numbers of a changed page: frame, class, PTE, two words, references, flags, original PTE
const noMemory = classes.length - 1;
const element = name => document.getElementById(name);
const hex = (number, digits = 8) => (number >>> 0).toString(16).padStart(digits, "0");

// What each frame is at each moment, and where the changes of a frame stand.
const history = Array.from({length: frames}, () => []);
const maps = [];
moments.forEach((moment, at) => {
  const map = at ? maps[at - 1].slice() : new Uint8Array(frames);
  const changed = moment.changed;
  for (let i = 0; i < changed.length; i += FIELDS) {
    map[changed[i]] = changed[i + 1];
    history[changed[i]].push(at, i);
  }
  maps.push(map);
});

/** A frame's record at a moment: its last change before it, or then. */
function record(frame, at) {
  const changes = history[frame];
  let found = null;
  for (let i = 0; i < changes.length && changes[i] <= at; i += 2)
    found = moments[changes[i]].changed.slice(changes[i + 1], changes[i + 1] + FIELDS);
  return found;
}

/** What is known of a frame, in words. */
function words(frame, at) {
  const found = record(frame, at);
  if (!found) return "";
  const [, kind, pte, first, second, references, flags, original] = found;
  const lines = [`page ${frame.toString(16)} at ${hex(frame * 4096)}: ${classes[kind][0]}`];
  if (kind === noMemory) return lines[0];
  const set = recording.flags.filter(([bit]) => flags & bit).map(([, name]) => name);
  if (set.length) lines[0] += `, ${set.join(", ")}`;
  const link = number => number === 0xffffffff ? "none" : number.toString(16);
  lines.push(kind < recording.lists && !references ? `next page ${link(first)}, previous ${link(second)}`
                                                   : `share count ${second}, reference count ${references}`);
  if (pte) {
    const mapped = pte >= 0xc0000000 && pte < 0xc0400000 ? ` (maps ${hex((pte - 0xc0000000) * 1024)})` : "";
    lines.push(`PTE at ${hex(pte)}${mapped}, originally ${hex(original)}`);
  } else if (!(kind < recording.lists)) {
    lines.push("no PTE: the system's own");
  }
  return lines.join("\n");
}

const colour = kind => classes[kind][document.documentElement.classList.contains("dark") ? 2 : 1];

/** A canvas in the pixels of the screen. */
function prepare(canvas, height) {
  const width = canvas.clientWidth, scale = window.devicePixelRatio || 1;
  if (height) canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round((height || canvas.clientHeight) * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

const LEAST_CELL = 3, COLUMNS = 16;  // a cell's side in pixels; columns are a multiple, so that addresses are easy to read
const grid = {columns: 1, size: 1};

/** The map of a moment; `only`: one class that stands out, or -1. */
function drawMap(canvas, at, only) {
  const width = canvas.parentNode.clientWidth, height = canvas.parentNode.clientHeight;
  const wanted = Math.max(LEAST_CELL, Math.sqrt(width * height / frames));
  grid.columns = Math.max(COLUMNS, Math.ceil(width / wanted / COLUMNS) * COLUMNS);
  grid.size = width / grid.columns;
  const rows = Math.ceil(frames / grid.columns), gap = grid.size > 5 ? 1 : 0;
  const context = prepare(canvas, Math.ceil(rows * grid.size));
  const map = maps[at];
  context.clearRect(0, 0, width, rows * grid.size);
  for (let frame = 0; frame < frames; frame++) {
    const kind = map[frame];
    context.globalAlpha = only < 0 || only === kind ? 1 : .15;
    context.fillStyle = colour(kind);
    context.fillRect(frame % grid.columns * grid.size, Math.floor(frame / grid.columns) * grid.size, grid.size - gap, grid.size - gap);
  }
  context.globalAlpha = 1;
}

/** The frame below a point of the map; -1 where there is none. */
function frameAt(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / grid.size), row = Math.floor((event.clientY - box.top) / grid.size);
  const frame = row * grid.columns + column;
  return column >= 0 && column < grid.columns && row >= 0 && frame < frames ? frame : -1;
}

/** Pages by class over all moments, and where we are. */
function drawHistory(canvas, at) {
  const context = prepare(canvas, 0), width = canvas.clientWidth, height = canvas.clientHeight, step = width / moments.length;
  const all = moments[0].counts.reduce((sum, count, kind) => kind === noMemory ? sum : sum + count, 0);
  const order = [8, 6, 7, 3, 4, 2, 5, 1, 0];  // in use below, free above
  moments.forEach((moment, index) => {
    let y = height;
    for (const kind of order) {
      const part = moment.counts[kind] / all * height;
      context.fillStyle = colour(kind);
      context.fillRect(index * step, y - part, step + .5, part);
      y -= part;
    }
  });
  context.strokeStyle = getComputedStyle(document.body).color;
  context.lineWidth = 2;
  context.strokeRect(at * step + 1, 1, Math.max(2, step - 2), height - 2);
}
