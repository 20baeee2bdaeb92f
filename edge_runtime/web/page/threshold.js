// The minimum confidence: digits below it are shown as "?", without reading the image again.

import { $, percent } from "./dom.js";

const slider = $("threshold");
const listeners = [];

export const onThreshold = (listener) => listeners.push(listener);

// Returns a reading in which the digits below the threshold are rejected.
export function applyThreshold(reading) {
  const least = slider.value / 100;
  if (!least || !reading || !reading.digits) return reading;
  const status = ({ confidence }) => `rejected: confidence ${confidence} is below ${least}`;
  const digits = reading.digits.map((digit) =>
    digit.value !== null && digit.confidence < least ? { ...digit, value: null, status: status(digit) } : digit,
  );
  let index = 0;
  const lines = reading.lines.map((line) =>
    line.replace(/[0-9?]/g, (character) => (digits[index++].value === null ? "?" : character)),
  );
  return { ...reading, digits, lines };
}

function changed() {
  $("threshold-value").textContent = percent(slider.value / 100);
  for (const listener of listeners) listener();
}

slider.addEventListener("input", changed);
changed();
