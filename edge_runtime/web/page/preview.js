// The chosen image with its boxes: turned, or zoomed to one digit with the classifier's input.

import { drawBoxes } from "./boxes.js";
import { $, fitCanvas, percent, setShape } from "./dom.js";
import { chosenImage, images, onChange, readAgain } from "./images.js";
import { decode } from "./picture.js";
import { markChosen, showResult } from "./reading.js";
import { isOpen, onOpen } from "./tabs.js";
import { applyThreshold, onThreshold } from "./threshold.js";

const SURROUNDINGS = 4; // sides of a digit that are shown when it is zoomed
const MOST_OF_ROOM = 0.7; // that a digit and its label take above the zoomed tile

const canvas = $("preview");
let shown = null; // an image
let source = null; // its file, or what the device has drawn of it
let bitmap = null; // null while it is decoded, and if it cannot be
let reading = null;
let zoomed = null; // index of a digit
let view = null; // what is on the canvas: {left, top, scale, boxes}

// The degrees by which the image is shown turned clockwise: as it was read.
function turnOf(image) {
  return image.rotate === "auto" ? (image.reading && image.reading.turn) || 0 : Number(image.rotate);
}

// A box in the image after it has been turned clockwise. `width` and `height` are those of the image as it was sent.
function turnBox({ x, y, ...box }, turn, width, height) {
  const [w, h] = turn % 180 ? [box.height, box.width] : [box.width, box.height];
  const corner = {
    0: [x, y],
    90: [height - y - box.height, x],
    180: [width - x - box.width, height - y - box.height],
    270: [y, width - x - box.width],
  }[turn];
  return { ...box, x: corner[0], y: corner[1], width: w, height: h };
}

async function update() {
  const image = chosenImage();
  if (image !== shown) zoomed = null;
  shown = image;
  const wanted = image && (image.drawn || image.file);
  if (wanted !== source) {
    source = wanted;
    if (bitmap) bitmap.close();
    bitmap = null;
    const decoded = source && (await decode(source));
    if (wanted !== source) return;
    bitmap = decoded;
  }
  reading = image && image.state === "read" ? applyThreshold(image.reading) : null;
  if (!reading || reading.error) zoomed = null;
  $("file").textContent = image ? image.name : "Recognised on the device, never stored";
  $("rotate").disabled = !image;
  const message = image ? "Reading …" : "Results appear here";
  showResult($("image-result"), reading, message, zoom);
  markChosen($("image-result"), zoomed);
  repaint();
}

export function repaint() {
  const image = shown;
  $("drop").hidden = image !== null;
  canvas.hidden = image === null;
  $("zoom").hidden = zoomed === null;
  if (!image) return;
  const context = fitCanvas(canvas);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (!bitmap) return;
  const turn = turnOf(image);
  const found = reading && reading.digits ? reading : { digits: [], width: bitmap.width, height: bitmap.height };
  const boxes = found.digits.map((digit) => turnBox(digit, turn, found.width, found.height));
  const [width, height] = turn % 180 ? [found.height, found.width] : [found.width, found.height];
  setShape(canvas, width, height);
  view = { ...place(boxes[zoomed], width, height), boxes };
  context.save();
  context.translate(view.left + (width * view.scale) / 2, view.top + (height * view.scale) / 2);
  context.rotate((turn * Math.PI) / 180);
  context.scale((view.scale * found.width) / bitmap.width, (view.scale * found.height) / bitmap.height);
  context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
  context.restore();
  drawBoxes(context, boxes, view.scale, view.left, view.top);
}

// Where to draw an image: all of it or, with a box, the part around that, with the box above the zoomed tile.
function place(box, width, height) {
  const [viewWidth, viewHeight] = [canvas.clientWidth, canvas.clientHeight];
  const whole = Math.min(viewWidth / width, viewHeight / height);
  if (!box) return { scale: whole, left: (viewWidth - width * whole) / 2, top: (viewHeight - height * whole) / 2 };
  const room = $("zoom").offsetTop; // px above the tile
  const enlarged = Math.min(viewWidth, viewHeight) / SURROUNDINGS / Math.max(box.width, box.height) * 2;
  const scale = Math.min(Math.max(whole, enlarged), (MOST_OF_ROOM * room) / box.height);
  const left = viewWidth / 2 - (box.x + box.width / 2) * scale;
  return { scale, left, top: room / 2 - (box.y + box.height / 2) * scale };
}

// Zooms to a digit; to the same one again, or without one, back to the whole image.
function zoom(index = null) {
  zoomed = index === zoomed ? null : index;
  markChosen($("image-result"), zoomed);
  if (zoomed !== null) {
    const digit = reading.digits[zoomed];
    $("zoom-tile").src = `data:image/png;base64,${digit.tile}`;
    const name = digit.value === null ? `? (${digit.status})` : digit.value;
    canvas.scrollIntoView({ block: "nearest" }); // on phones the tiles are below
    $("zoom-text").textContent = `${name}, ${percent(digit.confidence)}. This is what the classifier sees: 28 × 28 pixels.`;
  }
  repaint();
}

canvas.addEventListener("click", ({ offsetX, offsetY }) => {
  if (!view) return;
  const [x, y] = [(offsetX - view.left) / view.scale, (offsetY - view.top) / view.scale];
  const inside = (box) => x >= box.x && y >= box.y && x <= box.x + box.width && y <= box.y + box.height;
  const index = view.boxes.findIndex(inside);
  zoom(index < 0 ? null : index);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && zoomed !== null) zoom();
});
$("rotate").addEventListener("click", () => {
  shown.rotate = String((turnOf(shown) + 90) % 360);
  readAgain([shown]);
});
onChange((image) => {
  if (!image || image === shown) update();
});
onThreshold(update);
onOpen(() => {
  if (isOpen("image")) repaint();
});

// With another model, every image is read again.
export const readAllAgain = () => readAgain(images);

update();
