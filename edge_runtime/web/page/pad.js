// The drawing pad: strokes, and what is read in them while they are drawn.

import { $, colour, fitCanvas, make } from "./dom.js";
import { drawBoxes, readImage, showResult } from "./reading.js";
import { isOpen, onOpen } from "./tabs.js";

const [PAUSE, LONGEST_WAIT] = [140, 400]; // ms to wait after the last change, and at most after the first, before reading
const SENT_SIDE = 640; // px, longer side of the image that is sent
const HINT = "Results appear here as you draw";

const canvas = $("pad");
let strokes = []; // lists of points (x, y), in units of the pad's width
let pointer = null; // id of the pointer that is drawing
let timer = 0;
let firstChange = 0;
let busy = false;
let outdated = false;
let reading = null;

export function repaint() {
  paint();
  paintBoxes();
}

// Reads soon after the last change, and now and then during a long one.
export function changed() {
  paint();
  const now = performance.now();
  if (!timer) firstChange = now;
  clearTimeout(timer);
  timer = setTimeout(update, now - firstChange > LONGEST_WAIT ? 0 : PAUSE);
}

async function update() {
  timer = 0;
  if (busy) {
    outdated = true;
    return;
  }
  busy = true;
  do {
    outdated = false;
    reading = strokes.length ? await readImage(await toImage()) : null;
    if (!strokes.length) reading = null; // cleared in the meantime
    paintBoxes();
    showResult($("draw-result"), reading, HINT);
  } while (outdated);
  busy = false;
}

function paint() {
  const context = fitCanvas(canvas);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  paintStrokes(context, canvas.clientWidth, penWidth(), colour("text"));
  $("hint").hidden = strokes.length > 0;
  $("undo").disabled = $("clear").disabled = !strokes.length;
}

function paintBoxes() {
  const context = fitCanvas($("boxes"));
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (reading && reading.digits) {
    const scale = canvas.clientWidth / reading.width;
    drawBoxes(context, reading.digits, scale, 0, 0, [colour("accent"), colour("on-accent")]);
  }
}

// Smooth curves: each point is a control point, and the curve passes midway between neighbouring points.
function paintStrokes(context, width, pen, style) {
  context.strokeStyle = context.fillStyle = style;
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) {
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
}

function penWidth() {
  return Math.max(8, Math.min(canvas.clientWidth, canvas.clientHeight) * 0.024);
}

// Returns the strokes as a PNG, black on white.
function toImage() {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(1, SENT_SIDE / Math.max(width, height));
  const image = make("canvas");
  Object.assign(image, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const context = image.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, image.width, image.height);
  paintStrokes(context, image.width, penWidth() * scale, "#000");
  return new Promise((done) => image.toBlob(done, "image/png"));
}

function undo() {
  pointer = null; // ends a stroke that is still being drawn
  strokes.pop();
  changed();
}

function clear() {
  pointer = null;
  strokes = [];
  changed();
}

// Pointer, buttons and keys --------------------------------------------------------------------------------

function position(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
}

canvas.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button) return;
  pointer = event.pointerId;
  canvas.setPointerCapture(pointer);
  strokes.push([position(event)]);
  changed();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const coalesced = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  strokes.at(-1).push(...(coalesced.length ? coalesced : [event]).map(position));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, (event) => {
    if (event.pointerId === pointer) pointer = null;
  });
}
$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
document.addEventListener("keydown", (event) => {
  if (isOpen("draw") && event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
});

onOpen(() => {
  if (isOpen("draw")) repaint();
});
showResult($("draw-result"), null, HINT);
