// Switching between models.

import { $, make, notice } from "./dom.js";

const NAMES = { int8: "INT8", float: "Float" };

const radios = make("div");
const listeners = [];
let switching = false;

export const onModelSwitch = (listener) => listeners.push(listener);

// Shows the model that the device reports.
export function showModel(name) {
  if (!switching) select(name);
}

function select(name) {
  for (const radio of radios.querySelectorAll("input")) radio.checked = radio.value === name;
}

async function switchModel(name) {
  switching = true;
  try {
    const response = await fetch("/model", { method: "POST", body: JSON.stringify({ model: name }) });
    const result = await response.json();
    notice("model", response.ok ? "" : result.error);
    if (response.ok) {
      select(result.model);
      for (const listener of listeners) listener();
    }
  } catch {
    notice("model", "Could not switch the model: the device is not responding.");
  }
  switching = false;
}

for (const name of JSON.parse(document.body.dataset.models)) {
  const label = make("label");
  const radio = make("input", "", "visually-hidden");
  Object.assign(radio, { type: "radio", name: "model", value: name });
  label.append(radio, make("span", NAMES[name] || name.split("/").pop()));
  radio.addEventListener("change", () => switchModel(name));
  radios.append(label);
}
$("models").append(radios);
