// Where images come from: chosen files and folders, photographs, examples, drag and drop, and the clipboard.

import { $, notice } from "./dom.js";
import { MAX_IMAGES, add } from "./images.js";
import { open } from "./tabs.js";

const SUFFIXES = /\.(a?png|avif|bmp|dib|gif|hdr|hei[cf]|hif|jfif|jif|jpe?g?|pjpe?g?|p[abfgnp]m|pdf|pic|ras|sr|tiff?|webp)$/i; // those of the command

export function take(files) {
  open("image");
  add(files);
}

// Of a folder, only images are read; of files that somebody has chosen, all.
function takeFolder(files) {
  const found = files.filter(({ name, type }) => !name.startsWith(".") && (SUFFIXES.test(name) || type.startsWith("image/")));
  found.sort((one, other) => one.webkitRelativePath.localeCompare(other.webkitRelativePath, undefined, { numeric: true }));
  if (found.length) take(found);
  else notice("images", "There are no images in this folder.");
}

for (const input of [$("choose"), $("photo"), $("folder")]) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    if (input === $("folder")) takeFolder(files);
    else if (files.length) take(files);
    input.value = ""; // so that the same file can be chosen again
  });
}

for (const button of document.querySelectorAll(".example")) {
  button.addEventListener("click", async () => {
    const path = new URL(button.firstElementChild.src).pathname;
    const blob = await (await fetch(path)).blob();
    take([new File([blob], path.slice(1), { type: blob.type })]);
  });
}

// Drag and drop, and the clipboard -------------------------------------------------------------------------

// Adds the files of a dropped file or folder to `files`; what is in folders must look like an image.
async function collect(entry, files, inFolder = false) {
  if (files.length > MAX_IMAGES) return;
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    if (!inFolder || (SUFFIXES.test(file.name) && !file.name.startsWith("."))) files.push(file);
    return;
  }
  const reader = entry.createReader();
  for (let some; (some = await new Promise((done, fail) => reader.readEntries(done, fail))).length; ) {
    some.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
    for (const each of some) await collect(each, files, true);
  }
}

async function takeDropped(items) {
  // Entries must be asked for at once: later the browser has forgotten them.
  const dropped = [...items].map((item) => (item.webkitGetAsEntry && item.webkitGetAsEntry()) || item.getAsFile());
  const files = [];
  for (const each of dropped) {
    if (each instanceof File) files.push(each);
    else if (each) await collect(each, files);
  }
  if (files.length) take(files);
  else notice("images", "There are no images in what was dropped.");
}

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
  takeDropped(event.dataTransfer.items);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take([...event.clipboardData.files]);
});
