// Results as text and as CSV, to copy and to save.

import { make } from "./dom.js";

// The columns of the command's results files with one row per digit.
const COLUMNS = [
  ...["source", "line", "number", "index", "before", "digit", "confidence", "x", "y", "width", "height"],
  ...["image_width", "image_height", "turn", "status"],
];
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/; // what spreadsheets would take for a formula

// Each result is {name, reading, scale}: `scale` is pixels of the file per pixel of the image that was read.
export function toCsv(results) {
  return [COLUMNS, ...results.flatMap(toRows)].map((row) => `${row.map(quote).join(",")}\n`).join("");
}

// The text of one image line by line; of several, one line each: the name, the numbers and, unless it is "ok", the
// status, separated by tabs. For a single image without digits, the text is the status.
export function toText(results) {
  if (results.length === 1) return linesOf(results[0].reading).join("\n") || statusOf(results[0].reading);
  return results.map(toTextRow).join("\n");
}

const linesOf = (reading) => reading.lines || [];
const statusOf = (reading) => (reading.error ? `error: ${reading.error}` : reading.status);

function toTextRow({ name, reading }) {
  const status = statusOf(reading);
  return [name, linesOf(reading).join(" "), ...(status === "ok" ? [] : [status])].join("\t");
}

function toRows({ name, reading, scale }) {
  const source = FORMULA.test(name) ? `'${name}` : name;
  if (reading.error) return [rowOf({ source, status: statusOf(reading) })];
  const { status, turn } = reading;
  const image = { source, image_width: reading.width, image_height: reading.height, turn };
  for (const side of ["image_width", "image_height"]) image[side] = Math.round(image[side] * scale);
  if (!reading.digits.length) return [rowOf({ ...image, status })];
  return reading.digits.map((digit) => {
    const box = ["x", "y", "width", "height"].map((side) => [side, Math.round(digit[side] * scale)]);
    const own = { digit: digit.value, status: digit.value === null ? digit.status : status };
    return rowOf({ ...digit, ...image, ...Object.fromEntries(box), ...own });
  });
}

const rowOf = (values) => COLUMNS.map((column) => values[column] ?? "");

function quote(value) {
  const text = String(value);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function save(name, text) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Over plain HTTP browsers have no clipboard, except on localhost, but they still copy what is selected.
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = make("textarea", "", "visually-hidden");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("not allowed");
}
