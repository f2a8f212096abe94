// The page: one moment is shown, and everything on the page follows it.
const KB = 4, PLAY_MILLISECONDS = 250;
const asked = new URLSearchParams(location.search);
let now = Math.min(moments.length - 1, Math.max(0, Number(asked.get("at")) || 0)), only = -1, timer = 0;

function make(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function bar(value, most) {
  const made = document.createElement("progress");
  made.max = Math.max(1, most);
  made.value = value;
  return made;
}

function table(heads, rows) {
  const made = document.createElement("table"), top = made.createTHead().insertRow(), body = made.createTBody();
  heads.forEach(([name, kind]) => top.append(make("th", name, kind)));
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((value, column) => {
      const cell = make("td", "", heads[column][1]);
      cell.append(value);
      line.append(cell);
    });
  }
  return made;
}

function legend(moment) {
  const buttons = classes.map(([name], kind) => {
    if (!moments.some(one => one.counts[kind])) return null;
    const button = make("button"), swatch = document.createElement("canvas");
    swatch.width = swatch.height = 8;
    const context = swatch.getContext("2d");
    context.fillStyle = colour(kind);
    context.fillRect(0, 0, 8, 8);
    button.append(swatch, make("span", `${name} ${moment.counts[kind]}`));
    button.setAttribute("aria-pressed", only === kind);
    button.onclick = () => { only = only === kind ? -1 : kind; show(); };
    return button;
  });
  element("legend").replaceChildren(...buttons.filter(Boolean), make("span", `${moment.available} pages available`));
}

function processes(moment) {
  element("processes").replaceChildren(...moment.processes.map(one => {
    const card = make("article");
    card.append(make("h3", `${one.name} (${one.id})`),
                make("p", `working set ${one.size} pages, peak ${one.peak}, limits ${one.minimum} and ${one.maximum}; ${one.faults} page faults; `
                        + `${one.committed} pages committed` + (one.listed ? `; by age ${one.ages.join(", ")}` : "")));
    if (one.ranges.length)
      card.append(table([["first", "address"], ["last", "address"], ["range", ""], ["in memory", "number"], ["", ""]],
                        one.ranges.map(([start, end, what, , resident]) => {
                          const pages = (end - start + 1) / 4096;
                          return [hex(start), hex(end), what, `${resident} of ${pages}`, bar(resident, pages)];
                        })));
    one.wrong.forEach(text => card.append(make("p", text, "wrong")));
    return card;
  }));
}

function regions(moment) {
  element("regions").replaceChildren(table(
    [["first", "address"], ["last", "address"], ["region", ""], ["in memory", "number"], ["of KB", "number"]],
    recording.regions.map(([name, start, end], index) => [hex(start), hex(end), name, `${moment.resident[index] * KB} KB`,
                                                           String((end - start + 1) / 1024)])));
}

function pool(moment) {
  element("pool").replaceChildren(table(
    [["tag", "address"], ["non-paged bytes", "number"], ["blocks", "number"], ["paged bytes", "number"], ["blocks", "number"], ["", ""]],
    moment.tags.map(([name, allocs, frees, bytes, pagedAllocs, pagedFrees, pagedBytes]) =>
      [name, String(bytes), String(allocs - frees), String(pagedBytes), String(pagedAllocs - pagedFrees),
       bar(bytes + pagedBytes, moment.tags[0][3] + moment.tags[0][6])])));
}

function show() {
  const moment = moments[now];
  element("slider").value = now;
  element("moment").textContent = `${now + 1} of ${moments.length}: ${moment.time.toFixed(2)} ms, ${moment.label || "no label"}`
                                + (moment.locked ? " (page database locked)" : "");
  element("wrong").textContent = moment.wrong.join("\n");
  legend(moment);
  processes(moment);
  regions(moment);
  pool(moment);
  drawMap(element("map"), now, only);
  drawHistory(element("history"), now);
}

function go(to) {
  now = Math.min(moments.length - 1, Math.max(0, to));
  show();
}

function play() {
  if (timer) {
    clearInterval(timer);
    timer = 0;
  } else {
    if (now === moments.length - 1) go(0);
    timer = setInterval(() => now < moments.length - 1 ? go(now + 1) : play(), PLAY_MILLISECONDS);
  }
  element("play").textContent = timer ? "\u23F8" : "\u25B6";
}

function theme() {
  document.documentElement.classList.toggle("dark");
  show();
}

element("title").textContent = recording.title;
element("slider").max = moments.length - 1;
element("slider").oninput = event => go(Number(event.target.value));
element("play").onclick = play;
element("back").onclick = () => go(now - 1);
element("next").onclick = () => go(now + 1);
element("theme").onclick = theme;
element("history").onclick = event => go(Math.floor(event.offsetX / element("history").clientWidth * moments.length));
element("map").onmousemove = event => {
  const frame = frameAt(event, element("map")), tip = element("tip");
  tip.hidden = frame < 0;
  if (frame < 0) return;
  tip.textContent = words(frame, now);
  tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)}px`;
};
element("map").onmouseleave = () => { element("tip").hidden = true; };
document.onkeydown = event => {
  const keys = {ArrowLeft: () => go(now - 1), ArrowRight: () => go(now + 1), Home: () => go(0), End: () => go(moments.length - 1), " ": play, t: theme};
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key] || event.target.tagName === "BUTTON" && event.key === " ") return;
  event.preventDefault();
  keys[event.key]();
};
window.onresize = show;
const dark = asked.get("theme") ? asked.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark", dark);
show();
if (asked.has("frame")) {
  element("tip").textContent = words(Number(asked.get("frame")), now);
  element("tip").hidden = false;
  element("tip").style.left = element("tip").style.top = "300px";
}
