// The page: the live image and its figures, the pad, and images that are sent. Nothing is loaded from
// anywhere but the device.
"use strict";

const $ = (id) => document.getElementById(id);
const LIVE = document.body.dataset.live === "yes";
const MODELS = JSON.parse(document.body.dataset.models);
const LONGEST = 2048; // px of an image that is sent: the device looks no closer
const AS_IT_IS = 2e6; // bytes of a small image's file that is sent unchanged
const [POINTS, A_SECOND] = [120, 4]; // of a chart: half a minute

function make(tag, text = "", kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = kind;
  return element;
}

const colour = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
const percent = (share) => `${Math.min(99, Math.floor(share * 100))}%`;
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// Notices: one for each cause, the newest is shown -----------------------------------------------------------

const causes = new Map();

function notice(cause, text) {
  causes.delete(cause);
  if (text) causes.set(cause, text);
  const shown = [...causes.values()].pop() || "";
  if ($("notice").textContent !== shown) $("notice").textContent = shown;
  $("notice").hidden = !shown;
}

// Tabs -----------------------------------------------------------------------------------------------------

const tabs = [...document.querySelectorAll("[role=tab]")].filter((tab) => LIVE || tab.dataset.panel !== "live");
let panel = "";

function open(name) {
  panel = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.panel === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(tab.dataset.panel).hidden = !chosen;
  }
  watch();
  if (name === "draw") pad.fit();
  if (name === "image") image.show();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.dataset.panel));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    open(next.dataset.panel);
    next.focus();
  });
}
if (!LIVE) $("tab-live").remove();

// Models ---------------------------------------------------------------------------------------------------

const radios = make("div");
for (const name of MODELS) {
  const label = make("label");
  const radio = make("input", "", "unseen");
  Object.assign(radio, { type: "radio", name: "model", value: name });
  const shown = { int8: "INT8", float: "Float" }[name] || name.split("/").pop();
  label.append(radio, make("span", shown));
  radio.addEventListener("change", () => switchModel(name));
  radios.append(label);
}
$("models").append(radios);
let switching = false;

function showModel(name) {
  for (const radio of radios.querySelectorAll("input")) radio.checked = radio.value === name;
}

async function switchModel(name) {
  switching = true;
  try {
    const answer = await fetch("/model", { method: "POST", body: JSON.stringify({ model: name }) });
    const told = await answer.json();
    notice("model", answer.ok ? "" : told.error);
    if (answer.ok) {
      showModel(told.model);
      pad.changed();
      image.again();
    }
  } catch {
    notice("model", "The model could not be switched: the device does not answer.");
  }
  switching = false;
}

// The device's state, and the live image -------------------------------------------------------------------

let events = null;
let silence = 0;

function connect() {
  if (events) events.close();
  events = new EventSource("/events");
  events.onopen = () => {
    notice("connection", "");
    watch(true);
  };
  events.onmessage = (event) => {
    clearTimeout(silence);
    silence = setTimeout(lost, 5000); // it speaks every second: a network that is gone says nothing
    document.body.classList.remove("lost");
    show(JSON.parse(event.data));
  };
  events.onerror = lost;
}

async function lost() {
  notice("connection", "The connection to the device is lost. Trying again …");
  setState("lost", "No connection");
  clearTimeout(silence);
  if (events && events.readyState === EventSource.CONNECTING) return; // it tries by itself
  if (events) events.close();
  events = null;
  await pause(2);
  if (events || document.hidden) return;
  try {
    const health = await (await fetch("/health")).json();
    // A device that started anew has another token: the door asks for it.
    if (!("model" in health)) location.reload();
    notice("connection", "Too many watch this device already. Trying again …");
  } catch {
    // Not there yet.
  }
  if (!events) connect();
}

function watch(anew = false) {
  const stream = $("stream");
  const wanted = LIVE && panel === "live" && !document.hidden;
  if (!wanted) stream.removeAttribute("src");
  else if (anew || !stream.hasAttribute("src")) stream.src = `/live.mjpg?${Date.now()}`;
}

$("stream").addEventListener("load", () => {
  $("wait").hidden = true;
  shape($("stream"), $("stream").naturalWidth, $("stream").naturalHeight);
  notice("stream", "");
});
$("stream").addEventListener("error", async () => {
  if (!$("stream").hasAttribute("src") || causes.has("connection")) return;
  notice("stream", "The live image does not come: too many may be watching. Trying again …");
  await pause(5);
  watch(true);
});

// A page that nobody sees takes nothing of the device.
document.addEventListener("visibilitychange", () => {
  watch();
  if (!document.hidden) connect();
  else if (events) {
    clearTimeout(silence);
    events.close();
    events = null;
  }
});

// On a phone an image's place has the image's shape.
function shape(element, width, height) {
  element.parentElement.style.setProperty("--shape", Math.min(2, Math.max(0.8, width / height)));
}

function setState(state, text) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").dataset.state = state;
  $("live").classList.toggle("stale", state === "lost");
}

function show(state) {
  if (!switching) showModel(state.model);
  if (!LIVE || !("frame" in state)) return;
  notice("source", state.problem && `${state.source || "The source"}: ${state.problem}`);
  if (state.problem) setState("lost", "No images");
  else if (state.paused) setState("paused", "Paused");
  else setState("live", "Live");
  $("source").textContent = [state.source, state.capture_format].filter(Boolean).join(" · ");
  $("source").title = $("source").textContent;
  showNumbers(state.numbers);
  figures.add(state);
}

let numbersShown = "";

function showNumbers(numbers) {
  const key = JSON.stringify(numbers);
  if (key === numbersShown) return;
  numbersShown = key;
  const list = $("numbers");
  list.classList.toggle("many", numbers.length > 2);
  while (list.children.length > numbers.length || list.querySelector(".nothing")) list.lastChild.remove();
  if (!numbers.length) list.append(make("p", "No digit in view", "nothing"));
  numbers.forEach((number, index) => {
    let entry = list.children[index];
    if (!entry) {
      entry = make("div", "", "number");
      const bar = make("span", "", "bar");
      bar.append(make("i"));
      entry.append(make("b"), bar);
      list.append(entry);
    }
    entry.classList.toggle("unsure", !number.confirmed);
    const [text, bar] = entry.children;
    if (text.textContent !== number.text) text.textContent = number.text; // or it would be read out again
    entry.style.setProperty("--length", Math.max(number.text.length, 2));
    bar.firstChild.style.transform = `scaleX(${number.confidence})`;
    entry.title = `${percent(number.confidence)} sure`;
  });
}

// Charts of the last half minute ------------------------------------------------------------------------------------

const figures = {
  charts: {},
  last: 0,
  paints: ["capture", "detect", "classify", "other"],

  chart(key, label) {
    if (!this.charts[key]) {
      const box = make("div", "", `figure ${key}`);
      const head = make("p", label);
      const value = make("b");
      const canvas = make("canvas");
      canvas.setAttribute("aria-hidden", "true");
      const legend = make("ul", "", "legend");
      head.append(value);
      box.append(head, canvas, legend);
      $("figures").append(box);
      this.charts[key] = { value, canvas, legend, points: [] };
    }
    return this.charts[key];
  },

  add(state) {
    const now = performance.now();
    if (now - this.last < 1000 / A_SECOND) return;
    this.last = now;
    const stages = Object.entries(state.stages);
    const busy = stages.reduce((sum, [name, ms]) => sum + (name === "capture" ? 0 : ms), 0);
    this.push("rate", "Frames/s", state.rate.toFixed(1), [["detect", state.rate]]);
    this.push("latency", "Time a frame takes", `${busy.toFixed(1)} ms`, stages, (ms) => `${ms.toFixed(1)} ms`);
    this.push("cpu", "Processor", `${Math.round(state.cpu * 100)} %`, [["detect", state.cpu]]);
    if (state.memory) this.push("memory", "Memory", `${Math.round(state.memory)} MB`, [["detect", state.memory]]);
  },

  push(key, label, value, layers, unit) {
    const chart = this.chart(key, label);
    chart.value.textContent = value;
    if (unit) {
      // How long the camera took is not this device's work: told, not drawn.
      chart.legend.replaceChildren(
        ...layers.map(([name, amount]) => {
          const entry = make("li", `${name} ${unit(amount)}`);
          entry.style.setProperty("--colour", `var(--${this.paint(name)})`);
          return entry;
        }),
      );
      layers = layers.filter(([name]) => name !== "capture");
    }
    chart.points.push(layers);
    if (chart.points.length > POINTS) chart.points.shift();
    this.draw(chart);
  },

  paint(name) {
    return this.paints.includes(name) ? name : "other";
  },

  draw({ canvas, points }) {
    const context = fitted(canvas);
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const total = (layers) => layers.reduce((sum, [, amount]) => sum + amount, 0);
    const top = Math.max(...points.map(total), 1e-9) * 1.15;
    const x = (index) => width - ((points.length - 1 - index) * width) / (POINTS - 1);
    const base = points.map(() => 0);
    context.clearRect(0, 0, width, height);
    for (const [layer, [name]] of points.at(-1).entries()) {
      const under = base.slice();
      points.forEach((layers, index) => (base[index] += layers[layer] ? layers[layer][1] : 0));
      const y = (amount) => height - 1 - (amount / top) * (height - 2);
      context.beginPath();
      base.forEach((amount, index) => context.lineTo(x(index), y(amount)));
      context.strokeStyle = context.fillStyle = colour(this.paint(name));
      context.lineWidth = 1.5;
      context.stroke();
      for (let index = points.length - 1; index >= 0; index--) context.lineTo(x(index), y(under[index]));
      context.globalAlpha = points.at(-1).length > 1 ? 0.75 : 0.16;
      context.fill();
      context.globalAlpha = 1;
    }
  },
};

// Canvases -----------------------------------------------------------------------------------------------------

// A canvas' context in CSS pixels, its bitmap as fine as the screen is.
function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// Boxes and labels of what was read, `scale` CSS pixels a pixel of the image, which begins at (left, top).
function drawBoxes(context, digits, scale, left = 0, top = 0, [paint, letters] = ["#0b7f36", "#fff"]) {
  for (const digit of digits) {
    const rejected = digit.value === null;
    const [x, y] = [left + digit.x * scale, top + digit.y * scale];
    const [width, height] = [digit.width * scale, digit.height * scale];
    const size = Math.max(11, Math.min(20, height * 0.3));
    const [pad, text] = [size * 0.35, rejected ? "?" : String(digit.value)];
    context.strokeStyle = context.fillStyle = rejected ? "#6b7480" : paint;
    context.lineWidth = Math.min(2, Math.max(1, height / 30));
    context.beginPath();
    context.roundRect(x - 2, y - 2, width + 4, height + 4, 4);
    context.stroke();
    context.font = `600 ${size}px system-ui, sans-serif`;
    const wide = context.measureText(text).width + 2 * pad;
    const above = y - size - pad - 3;
    const lift = above >= 0 ? above : y - 2;
    context.beginPath();
    context.roundRect(x - 2, lift, wide, size + pad, 4);
    context.fill();
    context.fillStyle = rejected ? "#fff" : letters;
    context.textBaseline = "middle";
    context.fillText(text, x - 2 + pad, lift + (size + pad) / 2 + 1);
  }
}

// Reading ------------------------------------------------------------------------------------------------------

// What the device reads in an image: its answer, or {error}.
async function read(blob) {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch("/read?tiles=1", { method: "POST", body: blob });
      if ((answer.status === 429 || answer.status === 503) && attempt < 5) {
        await pause(Number(answer.headers.get("Retry-After")) || 1);
        continue;
      }
      const told = await answer.json();
      if (answer.status === 401) location.reload();
      return told;
    } catch {
      return { error: "The device does not answer." };
    }
  }
}

// What was read, as numbers and tiles in a card.
function showResult(card, reading, empty) {
  if (!reading || reading.error || !reading.digits.length) {
    const text = !reading ? empty : reading.error || "No digit found";
    card.replaceChildren(make("h2", "Read"), make("p", text, reading && reading.error ? "wrong" : "nothing"));
    return;
  }
  const lines = make("div", "", reading.lines.length > 2 ? "lines many" : "lines");
  lines.setAttribute("aria-live", "polite");
  lines.style.setProperty("--length", Math.max(2, ...reading.lines.map((line) => line.length)));
  lines.append(...reading.lines.map((line) => make("b", line)));
  const tiles = make("ul", "", "tiles");
  for (const digit of reading.digits) {
    const entry = make("li");
    const label = make("p");
    label.append(make("b", digit.value === null ? "?" : digit.value), make("span", percent(digit.confidence)));
    if (digit.tile) {
      const image = make("img");
      image.src = `data:image/png;base64,${digit.tile}`;
      image.alt = "";
      image.title = "What the network saw: 28 by 28 pixels";
      entry.append(image);
    }
    entry.title = digit.status;
    entry.append(label);
    tiles.append(entry);
  }
  const count = reading.digits.length === 1 ? "1 digit" : `${reading.digits.length} digits`;
  const time = make("p", `${count} in ${reading.ms.toFixed(1)} ms on the device`, "time");
  card.replaceChildren(make("h2", "Read"), lines, tiles, time);
}

// The pad ------------------------------------------------------------------------------------------------------

const pad = {
  canvas: $("pad"),
  strokes: [], // of points (x, y) in units of the pad's width
  drawing: null,
  timer: 0,
  since: 0,
  busy: false,
  stale: false,
  reading: null,

  fit() {
    this.paint();
    this.mark();
  },

  // Strokes through the middles of their points: smooth, and true at every one of them.
  ink(context, width, pen, paint) {
    context.strokeStyle = context.fillStyle = paint;
    context.lineWidth = pen;
    context.lineCap = context.lineJoin = "round";
    for (const points of this.strokes) {
      const [first, ...rest] = points.map(([x, y]) => [x * width, y * width]);
      context.beginPath();
      context.moveTo(...first);
      rest.forEach(([x, y], index) => {
        const next = rest[index + 1];
        if (next) context.quadraticCurveTo(x, y, (x + next[0]) / 2, (y + next[1]) / 2);
        else context.lineTo(x, y);
      });
      if (!rest.length) context.lineTo(...first);
      context.stroke();
    }
  },

  pen() {
    return Math.max(8, Math.min(this.canvas.clientWidth, this.canvas.clientHeight) * 0.024);
  },

  paint() {
    const context = fitted(this.canvas);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    this.ink(context, this.canvas.clientWidth, this.pen(), colour("ink"));
    $("hint").hidden = this.strokes.length > 0;
    $("undo").disabled = $("clear").disabled = !this.strokes.length;
  },

  mark() {
    const context = fitted($("marks"));
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    if (this.reading && this.reading.digits) {
      const scale = this.canvas.clientWidth / this.reading.width;
      drawBoxes(context, this.reading.digits, scale, 0, 0, [colour("accent"), colour("on-accent")]);
    }
  },

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
  },

  // Read soon after the last change, and once in a while during a long one.
  changed() {
    this.paint();
    const now = performance.now();
    if (!this.timer) this.since = now;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), now - this.since > 400 ? 0 : 140);
  },

  async read() {
    this.timer = 0;
    if (this.busy) {
      this.stale = true;
      return;
    }
    this.busy = true;
    do {
      this.stale = false;
      this.reading = this.strokes.length ? await read(await this.image()) : null;
      if (!this.strokes.length) this.reading = null;
      this.mark();
      showResult($("drawn"), this.reading, "What you draw is read here");
    } while (this.stale);
    this.busy = false;
  },

  image() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = Math.min(1, 640 / Math.max(width, height));
    const canvas = make("canvas");
    Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.ink(context, canvas.width, this.pen() * scale, "#000");
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  },

  undo() {
    this.strokes.pop();
    this.changed();
  },

  clear() {
    this.strokes = [];
    this.changed();
  },
};

pad.canvas.addEventListener("pointerdown", (event) => {
  if (pad.drawing !== null || event.button) return;
  pad.drawing = event.pointerId;
  pad.canvas.setPointerCapture(event.pointerId);
  pad.strokes.push([pad.at(event)]);
  pad.changed();
});
pad.canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pad.drawing) return;
  const between = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  pad.strokes.at(-1).push(...(between.length ? between : [event]).map((each) => pad.at(each)));
  pad.changed();
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.canvas.addEventListener(end, (event) => {
    if (event.pointerId === pad.drawing) pad.drawing = null;
  });
}
$("undo").addEventListener("click", () => pad.undo());
$("clear").addEventListener("click", () => pad.clear());
document.addEventListener("keydown", (event) => {
  if (panel === "draw" && event.key === "z" && (event.ctrlKey || event.metaKey)) pad.undo();
});

// Images -----------------------------------------------------------------------------------------------------

const image = {
  bitmap: null,
  blob: null,
  reading: null,
  turn: 0,

  async take(file) {
    if (!file) return;
    const turn = ++this.turn;
    open("image");
    $("file").textContent = file.name || "An image from the clipboard";
    this.reading = null;
    this.blob = file;
    try {
      this.bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
      if (Math.max(this.bitmap.width, this.bitmap.height) > LONGEST || file.size > AS_IT_IS) {
        this.blob = await this.reduced();
      }
    } catch {
      this.bitmap = null; // of a kind that this browser cannot show: the device may
    }
    if (turn !== this.turn) return;
    this.show();
    await this.again();
  },

  reduced() {
    const scale = Math.min(1, LONGEST / Math.max(this.bitmap.width, this.bitmap.height));
    const canvas = make("canvas");
    canvas.width = Math.round(this.bitmap.width * scale);
    canvas.height = Math.round(this.bitmap.height * scale);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // JPEG knows no transparency
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.bitmap, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  },

  async again() {
    if (!this.blob) return;
    const turn = this.turn;
    if (!this.reading) showResult($("imaged"), null, "Reading …");
    const reading = await read(this.blob);
    if (turn !== this.turn) return;
    this.reading = reading;
    this.show();
    showResult($("imaged"), reading);
  },

  show() {
    const canvas = $("shown");
    $("drop").hidden = this.blob !== null;
    canvas.hidden = this.blob === null;
    if (!this.blob) return;
    const size = this.bitmap || this.reading;
    if (size && size.width) shape(canvas, size.width, size.height);
    const context = fitted(canvas);
    const { clientWidth: width, clientHeight: height } = canvas;
    context.clearRect(0, 0, width, height);
    if (!size || !size.width) return;
    const scale = Math.min(width / size.width, height / size.height);
    const [left, top] = [(width - size.width * scale) / 2, (height - size.height * scale) / 2];
    if (this.bitmap) context.drawImage(this.bitmap, left, top, size.width * scale, size.height * scale);
    if (this.reading && this.reading.digits) {
      drawBoxes(context, this.reading.digits, (scale * size.width) / this.reading.width, left, top);
    }
  },
};

for (const input of [$("choose"), $("photo")]) {
  input.addEventListener("change", () => {
    image.take(input.files[0]);
    input.value = ""; // or the same file could not be chosen again
  });
}
const holdsFile = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
document.addEventListener("dragover", (event) => {
  if (!holdsFile(event)) return;
  event.preventDefault();
  $("dropping").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("dropping").hidden = true;
});
document.addEventListener("drop", (event) => {
  if (!holdsFile(event)) return;
  event.preventDefault();
  $("dropping").hidden = true;
  image.take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) image.take(event.clipboardData.files[0]);
});
const refit = () => {
  if (panel === "draw") pad.fit();
  if (panel === "image") image.show();
};
new ResizeObserver(refit).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);

showResult($("drawn"), null, "What you draw is read here");
showResult($("imaged"), null, "What stands in your image is read here");
open(LIVE ? "live" : "draw");
connect();
