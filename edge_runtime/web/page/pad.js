// The drawing pad: strokes, and what is read in them while they are drawn.

import { drawBoxes } from "./boxes.js";
import { $, colour, fitCanvas } from "./dom.js";
import { readStrokes, showResult } from "./reading.js";
import { isOpen, onOpen } from "./tabs.js";

const [PAUSE, LONGEST_WAIT] = [140, 400]; // ms to wait after the last change, and at most after the first, before reading
const STEP = 1; // px, least distance between two points of a stroke
const HINT = "Results appear here as you draw";

const canvas = $("pad");
let strokes = []; // lists of points (x, y), in CSS pixels of the pad as it was when the first stroke began
let [width, height] = [0, 0]; // size of the pad at that time
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
    reading = strokes.length ? await readStrokes(strokes) : null;
    if (!strokes.length) reading = null; // cleared in the meantime
    paintBoxes();
    showResult($("draw-result"), reading, HINT);
  } while (outdated);
  busy = false;
}

// CSS pixels per pixel of the strokes: when the pad changes its size or shape, what was drawn stays in view.
function zoom() {
  return strokes.length ? Math.min(canvas.clientWidth / width, canvas.clientHeight / height) : 1;
}

function paint() {
  const context = fitCanvas(canvas);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  context.scale(zoom(), zoom());
  paintStrokes(context);
  $("hint").hidden = strokes.length > 0;
  $("undo").disabled = $("clear").disabled = !strokes.length;
}

function paintBoxes() {
  const context = fitCanvas($("boxes"));
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (reading && reading.digits) {
    const pen = penWidth(); // the boxes that were read are those of its path
    const boxes = reading.digits.map((digit) => ({
      ...digit,
      x: digit.x - pen / 2,
      y: digit.y - pen / 2,
      width: digit.width + pen,
      height: digit.height + pen,
    }));
    drawBoxes(context, boxes, zoom());
  }
}

// Smooth curves: each point is a control point, and the curve passes midway between neighbouring points.
function paintStrokes(context) {
  context.strokeStyle = colour("text");
  context.lineWidth = penWidth();
  context.lineCap = context.lineJoin = "round";
  for (const [first, ...rest] of strokes) {
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

// In pixels of the strokes: ten digits must fit side by side.
function penWidth() {
  return Math.max(5, Math.min(width, height) * 0.018);
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
  const place = (pixels) => Math.round((10 * pixels) / zoom()) / 10;
  return [place(event.clientX - box.left), place(event.clientY - box.top)];
}

function extend(stroke, [x, y]) {
  const [lastX, lastY] = stroke.at(-1);
  if (Math.hypot(x - lastX, y - lastY) >= STEP) stroke.push([x, y]);
}

canvas.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button) return;
  pointer = event.pointerId;
  canvas.setPointerCapture(pointer);
  if (!strokes.length) [width, height] = [canvas.clientWidth, canvas.clientHeight];
  strokes.push([position(event)]);
  changed();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const coalesced = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const each of coalesced.length ? coalesced : [event]) extend(strokes.at(-1), position(each));
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
