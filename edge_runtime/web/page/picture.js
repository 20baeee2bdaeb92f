// A picture: a file as the browser shows it, and as it is sent to the device.

import { make } from "./dom.js";

const MAX_SIDE = 2048; // px; larger images are scaled down before they are sent
const MAX_FILE = 2e6; // bytes; larger files are compressed again before they are sent
const THUMBNAIL = 104; // px, longer side

// What some browsers can show, but only the first page of it.
const PAGED = ["application/pdf", "image/tiff"];

// Decodes a file or a blob. Resolves to null if the device is to draw it because this browser cannot.
export async function decode(file) {
  if (PAGED.includes(file.type)) return null;
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

// The JPEG in base64 that the device sends of a file that this browser cannot show, as a blob.
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/jpeg" });
}

// Resolves to the bytes to send.
export async function toBody(file, bitmap) {
  if (!bitmap) return file;
  const large = Math.max(bitmap.width, bitmap.height) > MAX_SIDE || file.size > MAX_FILE;
  return large ? toJpeg(scaled(bitmap, MAX_SIDE)) : file;
}

export const toJpeg = (canvas) => new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));

export const thumbnail = (bitmap) => scaled(bitmap, THUMBNAIL);

function scaled(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
