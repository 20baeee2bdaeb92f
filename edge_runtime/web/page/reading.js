// Reading an image on the device, and showing the result.

import { make, pause, percent } from "./dom.js";

const ATTEMPTS = 6; // while the device is busy

// Sends an image to the device. `rotate` is that of /read. Resolves to the JSON of /read, or to {error}.
export async function readImage(blob, rotate = "0") {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(`/read?tiles=1&rotate=${rotate}`, { method: "POST", body: blob });
      if ((response.status === 429 || response.status === 503) && attempt < ATTEMPTS) {
        await pause(Number(response.headers.get("Retry-After")) || 1);
        continue;
      }
      const reading = await response.json();
      if (response.status === 401) location.reload();
      return reading;
    } catch {
      return { error: "The device is not responding." };
    }
  }
}

// Shows a reading in a card: the lines, and each digit with the classifier's input. Without a reading, `message` is shown.
export function showResult(card, reading, message) {
  if (!reading || reading.error || !reading.digits.length) {
    const text = !reading ? message : reading.error || "No digits found";
    card.replaceChildren(make("h2", "Result"), make("p", text, reading && reading.error ? "error" : "empty"));
    return;
  }
  const lines = make("div", "", reading.lines.length > 2 ? "lines many" : "lines");
  lines.setAttribute("aria-live", "polite");
  lines.style.setProperty("--length", Math.max(2, ...reading.lines.map((line) => line.length)));
  lines.append(...reading.lines.map((line) => make("b", line)));
  const tiles = make("ul", "", "tiles");
  tiles.append(...reading.digits.map(digitEntry));
  const count = reading.digits.length === 1 ? "1 digit" : `${reading.digits.length} digits`;
  const turned = reading.turn ? `, turned by ${reading.turn}°` : "";
  const time = make("p", `${count}${turned}, ${reading.ms.toFixed(1)} ms on the device`, "time");
  card.replaceChildren(make("h2", "Result"), lines, tiles, time);
}

function digitEntry(digit) {
  const entry = make("li");
  const label = make("p");
  label.append(make("b", digit.value === null ? "?" : digit.value), make("span", percent(digit.confidence)));
  if (digit.tile) {
    const image = make("img");
    image.src = `data:image/png;base64,${digit.tile}`;
    image.alt = "";
    image.title = "Classifier input, 28 × 28 pixels";
    entry.append(image);
  }
  entry.title = digit.status;
  entry.append(label);
  return entry;
}

// Draws boxes and labels. `scale` is CSS pixels per image pixel; the image's corner is at (left, top).
export function drawBoxes(context, digits, scale, left = 0, top = 0, [fill, text] = ["#0b7f36", "#fff"]) {
  for (const digit of digits) {
    const rejected = digit.value === null;
    const [x, y] = [left + digit.x * scale, top + digit.y * scale];
    const [width, height] = [digit.width * scale, digit.height * scale];
    const size = Math.max(11, Math.min(20, height * 0.3));
    const [padding, label] = [size * 0.35, rejected ? "?" : String(digit.value)];
    context.strokeStyle = context.fillStyle = rejected ? "#6b7480" : fill;
    context.lineWidth = Math.min(2, Math.max(1, height / 30));
    context.beginPath();
    context.roundRect(x - 2, y - 2, width + 4, height + 4, 4);
    context.stroke();
    context.font = `600 ${size}px system-ui, sans-serif`;
    const labelWidth = context.measureText(label).width + 2 * padding;
    const above = y - size - padding - 3;
    const labelTop = above >= 0 ? above : y - 2; // inside the box where there is no room above it
    context.beginPath();
    context.roundRect(x - 2, labelTop, labelWidth, size + padding, 4);
    context.fill();
    context.fillStyle = rejected ? "#fff" : text;
    context.textBaseline = "middle";
    context.fillText(label, x - 2 + padding, labelTop + (size + padding) / 2 + 1);
  }
}
