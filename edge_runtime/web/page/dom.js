// Helpers for elements, canvases and notices.

export const $ = (id) => document.getElementById(id);
export const colour = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
export const percent = (share) => `${Math.min(99, Math.floor(share * 100 + 1e-9))}%`;
export const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

export function make(tag, text = "", kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = kind;
  return element;
}

// Replacing a text by the same text would make screen readers repeat it.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// On phones the area of an image takes the image's proportions.
export function setShape(element, width, height) {
  element.parentElement.style.setProperty("--shape", Math.min(2, Math.max(0.8, width / height)));
}

// Returns a canvas' context in CSS pixels; its bitmap has the resolution of the screen.
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// Notices: one per cause; the newest is shown. With `only`, that text alone is replaced.
const notices = new Map();

export function notice(cause, text, only = notices.get(cause)) {
  if (only !== notices.get(cause)) return;
  notices.delete(cause);
  if (text) notices.set(cause, text);
  // The element is always there: screen readers only follow those that exist before their text does.
  setText($("notice"), [...notices.values()].pop() || "");
}

export const hasNotice = (cause) => notices.has(cause);
