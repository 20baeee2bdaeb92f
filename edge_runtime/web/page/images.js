// The images: a list that is read one after the other, from which one is chosen to be shown.

import { notice } from "./dom.js";
import { decode, fromBase64, thumbnail, toBody } from "./picture.js";
import { readImage } from "./reading.js";

export const MAX_IMAGES = 500;

// {name, file, page, rotate, state, reading, scale, drawn, thumbnail}: `page` is null until a file is known to have several;
// `state` is waiting, reading or read; `scale` is pixels of the file per pixel of the image that was read; `drawn` is a
// JPEG from the device if this browser cannot show the file.
export const images = [];
const listeners = [];
let chosen = null;
let urgent = null; // the image to read next
let reading = null; // the AbortController of the image that is being read
let stopped = false;

// Listeners get the image that has changed, null if it is the choice or the list.
export const onChange = (listener) => listeners.push(listener);
const changed = (image = null) => listeners.forEach((listener) => listener(image));

export const chosenImage = () => chosen;
export const isStopped = () => stopped;

export function add(files) {
  const added = files.map((file) => makeImage(file, file.webkitRelativePath || file.name || "pasted image"));
  if (!insert(added, images.length)) return;
  urgent = added[0];
  choose(urgent);
  proceed();
}

const makeImage = (file, name, page = null) => ({
  ...{ file, name, page, rotate: "auto", state: "waiting", reading: null, scale: 1, drawn: null, thumbnail: null },
});

// Returns whether there was room for any of them.
function insert(some, index) {
  const room = MAX_IMAGES - images.length;
  images.splice(index, 0, ...some.slice(0, room));
  const left = some.length - room;
  notice("images", left > 0 && `The list holds ${MAX_IMAGES} images; ${left} more were left out.`);
  return room > 0;
}

// The first page of a file has been read: its other pages follow.
function addPages(image, count) {
  const { file, name } = image;
  Object.assign(image, { name: `${name}#1`, page: 1 });
  const others = Array.from({ length: count - 1 }, (_, index) => makeImage(file, `${name}#${index + 2}`, index + 2));
  insert(others, images.indexOf(image) + 1);
  changed();
}

export function remove(image) {
  const index = images.indexOf(image);
  images.splice(index, 1);
  if (image.state === "reading") reading.abort();
  if (image === chosen) chosen = images[Math.min(index, images.length - 1)] || null;
  changed();
}

export function clear() {
  images.length = 0;
  if (reading) reading.abort();
  choose(null);
}

export function choose(image) {
  chosen = image;
  changed();
}

// Reads some of the images again; the chosen one first.
export function readAgain(some) {
  for (const image of some) {
    if (image.state === "reading") reading.abort();
    image.state = "waiting";
  }
  urgent = chosen;
  proceed();
}

export function stop() {
  stopped = true;
  if (reading) reading.abort();
  changed();
}

export function proceed() {
  stopped = false;
  changed();
  if (!reading) work();
}

function next() {
  const waiting = images.filter(({ state }) => state === "waiting");
  const first = waiting.includes(urgent) ? urgent : waiting[0];
  urgent = null;
  return first;
}

async function work() {
  for (let image; !stopped && (image = next()); ) {
    reading = new AbortController();
    await read(image, reading.signal);
    reading = null;
    changed(image);
  }
}

async function read(image, signal) {
  image.state = "reading";
  changed(image);
  const bitmap = await decode(image.file);
  image.thumbnail ||= bitmap && thumbnail(bitmap);
  const body = await toBody(image.file, bitmap);
  const result = await readImage(body, { rotate: image.rotate, page: bitmap ? null : image.page || 1, signal });
  if (signal.aborted || result.unreachable) {
    image.state = "waiting";
    if (!signal.aborted) {
      stopped = true;
      notice("images", result.error);
    }
  } else {
    const smaller = body !== image.file && result.width; // the device got a smaller copy of the file
    const scale = smaller ? bitmap.width / result.width : 1;
    Object.assign(image, { state: "read", reading: result, scale });
    if (result.pages > 1 && !image.page && !bitmap) addPages(image, result.pages); // browsers show animations
    if (result.image) await keepDrawn(image);
  }
  if (bitmap) bitmap.close();
}

// A blob: browsers need not hold it in memory.
async function keepDrawn(image) {
  image.drawn ||= fromBase64(image.reading.image);
  delete image.reading.image;
  const bitmap = await decode(image.drawn);
  image.thumbnail ||= thumbnail(bitmap);
  bitmap.close();
}
