// Switching between models. The choice is the device's: it holds for the live view and for everybody.

import { $, make, notice } from "./dom.js";

const NAMES = { int8: "INT8", float: "Float" };
const NOTICE_SECONDS = 8;

const radios = make("div");
const listeners = [];
let switching = false;
let shown = "";

const nameOf = (model) => NAMES[model] || model.split("/").pop();

export const onModelSwitch = (listener) => listeners.push(listener);

// Shows the model that the device reports. Somebody else may have switched it.
export function showModel(name) {
  if (switching || name === shown) return;
  if (shown) announce(`Somebody else has switched this device to ${nameOf(name)}.`);
  select(name);
}

function select(name) {
  shown = name;
  for (const radio of radios.querySelectorAll("input")) radio.checked = radio.value === name;
}

function announce(text) {
  notice("model", text);
  setTimeout(() => notice("model", "", text), NOTICE_SECONDS * 1000);
}

async function switchModel(name) {
  switching = true;
  try {
    const response = await fetch("/model", { method: "POST", body: JSON.stringify({ model: name }) });
    const result = await response.json();
    if (response.ok) {
      select(result.model);
      announce(`This device now reads with ${nameOf(result.model)}, for everybody who uses it.`);
      for (const listener of listeners) listener();
    } else {
      select(shown);
      notice("model", result.error);
    }
  } catch {
    select(shown);
    notice("model", "Could not switch the model: the device is not responding.");
  }
  switching = false;
}

for (const name of JSON.parse(document.body.dataset.models)) {
  const label = make("label");
  const radio = make("input", "", "visually-hidden");
  Object.assign(radio, { type: "radio", name: "model", value: name });
  label.append(radio, make("span", nameOf(name)));
  radio.addEventListener("change", () => switchModel(name));
  radios.append(label);
}
$("models").append(radios);

for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    if (!$("about-models").contains(target)) $("about-models").open = false;
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") $("about-models").open = false;
});
