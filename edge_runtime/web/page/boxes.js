// Boxes and labels on a canvas, in the style of annotated files and of the live view.

import { percent } from "./dom.js";

const [READ, REJECTED, ON_LABEL] = ["#14a03c", "#828282", "#ffffff"];
const [SMALLEST, LARGEST] = [11, 24]; // px, type of the labels
const GROWTH = 2; // px by which outlines lie outside of the boxes

// `scale` is CSS pixels per image pixel; the image's corner is at (left, top). As in files, labels cover neither other
// boxes nor each other: where there is no room for one, it is left out.
export function drawBoxes(context, digits, scale, left = 0, top = 0) {
  const boxes = digits.map((digit) => ({
    x: left + digit.x * scale - GROWTH,
    y: top + digit.y * scale - GROWTH,
    width: digit.width * scale + 2 * GROWTH,
    height: digit.height * scale + 2 * GROWTH,
  }));
  const height = median(boxes.map((box) => box.height));
  const size = clamp(0.17 * height, SMALLEST, LARGEST);
  const labels = [];
  context.font = `700 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineWidth = clamp(height / 44, 1, 2);
  digits.forEach((digit, index) => {
    const box = boxes[index];
    const colour = digit.value === null ? REJECTED : READ;
    context.strokeStyle = colour;
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, 4);
    context.stroke();
    const taken = [...boxes.slice(0, index), ...boxes.slice(index + 1), ...labels];
    const label = makeLabel(context, digit, box, size, taken);
    if (!label) return;
    labels.push(label);
    context.fillStyle = colour;
    context.fillRect(label.x, label.y, label.width, label.height);
    context.fillStyle = ON_LABEL;
    context.fillText(label.text, label.x + size / 3, label.y + label.height / 2 + 1);
  });
}

// The label of a digit at the first free place: with its confidence, if the box is wide enough, or without.
function makeLabel(context, digit, box, size, taken) {
  const name = digit.value === null ? "?" : String(digit.value);
  const labels = [`${name} ${percent(digit.confidence)}`, name].map((text) => ({
    text,
    width: context.measureText(text).width + (2 * size) / 3,
    height: 1.2 * size,
  }));
  if (labels[0].width > box.width) labels.shift();
  const { clientWidth, clientHeight } = context.canvas;
  const isFree = (place) =>
    place.x >= 0 && place.x + place.width <= clientWidth && place.y >= 0 && place.y + place.height <= clientHeight &&
    !taken.some((other) => overlap(place, other));
  return labels.flatMap((label) => places(label, box).map((place) => ({ ...label, ...place }))).find(isFree);
}

// Above, below, right, left and, in a high box, inside.
function places({ width, height }, box) {
  const [right, bottom] = [box.x + box.width, box.y + box.height];
  const beside = [box.x, right - width, (box.x + right - width) / 2];
  return [
    ...beside.map((x) => ({ x, y: box.y - height })),
    ...beside.map((x) => ({ x, y: bottom })),
    { x: right, y: box.y },
    { x: box.x - width, y: box.y },
    ...(box.height > 3 * height ? [{ x: box.x, y: box.y }] : []),
  ];
}

const overlap = (one, other) =>
  one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const median = (values) => values.sort((one, other) => one - other)[values.length >> 1] || 0;
