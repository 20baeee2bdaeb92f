// The list of images: thumbnails, texts and states; copying and saving all results.

import { $, make, notice, setText } from "./dom.js";
import { choose, chosenImage, clear, images, isStopped, onChange, proceed, remove, stop } from "./images.js";
import { copy, save, toCsv, toText } from "./table.js";
import { applyThreshold, onThreshold } from "./threshold.js";

const COPIED_SECONDS = 2;
const entries = new Map();

function makeEntry(image) {
  const entry = make("li");
  const [button, removal, text] = [make("button", "", "image"), make("button", "×", "remove"), make("span")];
  text.append(make("b"), make("small"));
  button.append(make("canvas"), text);
  button.addEventListener("click", () => choose(image));
  removal.setAttribute("aria-label", `Remove ${image.name}`);
  removal.addEventListener("click", () => remove(image));
  entry.append(button, removal);
  return entry;
}

function show(image) {
  const entry = entries.get(image);
  if (!entry) return; // removed while it was being read
  const [button, text, detail, canvas] = ["button", "b", "small", "canvas"].map((part) => entry.querySelector(part));
  const reading = applyThreshold(image.reading);
  if (image.thumbnail && canvas !== image.thumbnail) canvas.replaceWith(image.thumbnail);
  text.textContent = ((reading && reading.lines) || []).join("  ");
  detail.textContent = `${image.name} · ${describe(image.state, reading)}`;
  button.title = detail.textContent;
  button.setAttribute("aria-pressed", image === chosenImage());
  entry.classList.toggle("failed", image.state === "read" && "error" in reading);
}

function describe(state, reading) {
  if (state === "reading") return "reading …";
  if (state === "waiting") return isStopped() ? "not read" : "waiting";
  if (reading.error) return reading.error;
  const digits = reading.digits.length;
  return digits ? `${digits} digit${digits > 1 ? "s" : ""}` : "no digits found";
}

function showAll() {
  for (const [image, entry] of entries) {
    if (images.includes(image)) continue;
    entry.remove();
    entries.delete(image);
  }
  images.forEach((image, index) => {
    if (!entries.has(image)) {
      entries.set(image, makeEntry(image));
      $("images").insertBefore(entries.get(image), $("images").children[index] || null);
    }
    show(image);
  });
}

function showProgress() {
  const [total, done] = [images.length, images.filter(({ state }) => state === "read").length];
  const plural = total === 1 ? "" : "s";
  $("list").hidden = !total;
  setText($("progress"), done < total ? `${done} of ${total} image${plural} read` : `${total} image${plural} read`);
  $("bar").value = total && done / total;
  $("bar").hidden = $("stop").hidden = done === total;
  setText($("stop"), isStopped() ? "Continue" : "Stop");
  $("copy").disabled = $("save").disabled = !results().length;
}

const results = () =>
  images
    .filter(({ reading }) => reading)
    .map(({ name, reading, scale }) => ({ name, scale, reading: applyThreshold(reading) }));

onChange((image) => {
  if (image) show(image);
  else showAll();
  showProgress();
});
onThreshold(showAll);

$("stop").addEventListener("click", () => (isStopped() ? proceed() : stop()));
$("remove-all").addEventListener("click", clear);
$("save").addEventListener("click", () => save("edge-digits.csv", toCsv(results())));
$("copy").addEventListener("click", async () => {
  try {
    await copy(toText(results()));
  } catch {
    notice("images", "The browser does not allow copying; save a CSV file instead.");
    return;
  }
  setText($("copied"), "Copied");
  setTimeout(() => setText($("copied"), "Copy"), COPIED_SECONDS * 1000);
});
