// Reading an image on the device, and showing the result.

import { $, make, pause, percent, setText } from "./dom.js";

const ATTEMPTS = 6; // while the device is busy
const FOR_PROGRAMS = /; send the bytes of the file unchanged.*/; // advice that is of no use to people
const WHOLE_LINE = 12; // characters; longer lines may break between numbers

// Sends an image to the device. `rotate` is that of /read; with `page`, that page of a file is read and sent back, for
// files that the browser cannot show. Resolves to the JSON of /read, or to {error}, with `unreachable` if there was no
// answer.
export function readImage(blob, { rotate, page = null, signal }) {
  return send(`/read?tiles=1&rotate=${rotate}${page ? `&image=1&page=${page}` : ""}`, blob, signal);
}

// Sends strokes, lists of points (x, y). Resolves as `readImage` does.
export const readStrokes = (strokes) => send("/strokes?tiles=1", JSON.stringify({ strokes }));

async function send(path, body, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(path, { method: "POST", body, signal });
      if ((response.status === 429 || response.status === 503) && attempt < ATTEMPTS) {
        await pause(Number(response.headers.get("Retry-After")) || 1);
        continue;
      }
      const reading = await response.json();
      if (response.status === 401) location.reload();
      if (reading.error) reading.error = reading.error.replace(FOR_PROGRAMS, "");
      return reading;
    } catch {
      if (await isReadable(body)) return { error: "The device is not responding.", unreachable: true };
      return { error: "The file has changed since it was chosen; choose it again." };
    }
  }
}

// Whether the browser can still read a file: it refuses one that another program has changed or removed.
async function isReadable(body) {
  try {
    if (body instanceof Blob) await body.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

// Shows a reading in a card: the lines, and each digit with the classifier's input. Without a reading, `message` is
// shown. `onDigit` is called with the index of a digit that is clicked.
export function showResult(card, reading, message, onDigit) {
  if (!reading || reading.error || !reading.digits.length) {
    const text = !reading ? message : reading.error || "No digits found";
    card.replaceChildren(make("h2", "Result"), make("p", text, reading && reading.error ? "error" : "empty"));
    if (reading) setText($("spoken"), text);
    return;
  }
  const lines = make("div", "", reading.lines.length > 2 ? "lines many" : "lines");
  lines.style.setProperty("--length", lengthToFit(reading.lines));
  lines.append(...reading.lines.map(lineEntry));
  setText($("spoken"), reading.lines.join(", "));
  const tiles = make("ul", "", "tiles");
  tiles.append(...reading.digits.map((digit, index) => digitEntry(digit, onDigit && (() => onDigit(index)))));
  const count = reading.digits.length === 1 ? "1 digit" : `${reading.digits.length} digits`;
  const turned = reading.turn ? `, turned by ${reading.turn}°` : "";
  const details = make("p", `${count}${turned}, ${reading.ms.toFixed(1)} ms on the device`, "time");
  const note = reading.status === "ok" ? [] : [make("p", reading.status.replace(/^ok; /, ""), "status")];
  card.replaceChildren(make("h2", "Result"), lines, ...note, tiles, details);
}

// The number of characters that must fit side by side: a line may break between its numbers, but not inside them.
export function lengthToFit(lines) {
  const longest = (texts) => Math.max(2, ...texts.map((text) => text.length));
  return Math.max(longest(lines.flatMap((line) => line.split(" "))), Math.min(WHOLE_LINE, longest(lines)));
}

function lineEntry(line) {
  const entry = make("b");
  line.split(" ").forEach((number, index) => entry.append(index ? " " : "", make("span", number)));
  return entry;
}

function digitEntry(digit, onClick) {
  const entry = make("li");
  const content = onClick ? make("button") : entry;
  const label = make("p");
  label.append(make("b", digit.value === null ? "?" : digit.value), make("span", percent(digit.confidence)));
  if (digit.tile) {
    const image = make("img");
    image.src = `data:image/png;base64,${digit.tile}`;
    image.alt = "";
    image.title = "Classifier input, 28 × 28 pixels";
    content.append(image);
  }
  entry.title = digit.status;
  content.append(label);
  if (onClick) {
    content.setAttribute("aria-pressed", "false");
    content.addEventListener("click", onClick);
    entry.append(content);
  }
  return entry;
}

// Marks the digit that is zoomed, null for none.
export function markChosen(card, chosen) {
  card.querySelectorAll(".tiles button").forEach((button, index) => button.setAttribute("aria-pressed", index === chosen));
}
