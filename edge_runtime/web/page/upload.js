// Images that are chosen, photographed, dropped or pasted.

import { $, fitCanvas, make, setShape } from "./dom.js";
import { drawBoxes, readImage, showResult } from "./reading.js";
import { isOpen, onOpen, open } from "./tabs.js";

const MAX_SIDE = 2048; // px; larger images are scaled down before they are sent
const MAX_FILE = 2e6; // bytes; larger files are compressed again before they are sent

let bitmap = null;
let blob = null;
let reading = null;
let version = 0; // counts the images; results for older ones are discarded

async function take(file) {
  if (!file) return;
  const mine = ++version;
  open("image");
  $("file").textContent = file.name || "Image from the clipboard";
  const [decoded, toSend] = await prepare(file);
  if (mine !== version) return;
  [bitmap, blob, reading] = [decoded, toSend, null];
  repaint();
  await update();
}

// Returns the image to show, null if this browser cannot decode it (the device may), and the bytes to send.
async function prepare(file) {
  try {
    const image = await createImageBitmap(file, { imageOrientation: "from-image" });
    const large = Math.max(image.width, image.height) > MAX_SIDE || file.size > MAX_FILE;
    return [image, large ? await reduce(image) : file];
  } catch {
    return [null, file];
  }
}

function reduce(image) {
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
  const canvas = make("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

// Reads the current image, again if need be.
export async function update() {
  if (!blob) return;
  const [mine, rotate] = [version, $("rotate").value];
  if (!reading) showResult($("image-result"), null, "Reading …");
  const result = await readImage(blob, rotate);
  if (mine !== version || rotate !== $("rotate").value) return;
  reading = result;
  repaint();
  showResult($("image-result"), reading);
}

export function repaint() {
  const canvas = $("preview");
  $("drop").hidden = blob !== null;
  canvas.hidden = blob === null;
  if (!blob) return;
  const size = bitmap || reading;
  if (size && size.width) setShape(canvas, size.width, size.height);
  const context = fitCanvas(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  context.clearRect(0, 0, width, height);
  if (!size || !size.width) return;
  const scale = Math.min(width / size.width, height / size.height);
  const [left, top] = [(width - size.width * scale) / 2, (height - size.height * scale) / 2];
  if (bitmap) context.drawImage(bitmap, left, top, size.width * scale, size.height * scale);
  if (reading && reading.digits) {
    drawBoxes(context, reading.digits, (scale * size.width) / reading.width, left, top);
  }
}

for (const input of [$("choose"), $("photo")]) {
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
}
$("rotate").addEventListener("change", update);
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
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files[0]);
});

onOpen(() => {
  if (isOpen("image")) repaint();
});
showResult($("image-result"), null, "Results appear here");
