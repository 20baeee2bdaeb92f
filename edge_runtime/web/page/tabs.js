// The tabs: live view, drawing pad and image.

import { $ } from "./dom.js";

export const LIVE = document.body.dataset.live === "yes"; // whether there is a camera or video

const tabs = [...document.querySelectorAll("[role=tab]")].filter((tab) => LIVE || tab.dataset.panel !== "live");
const listeners = [];
let current = "";

export const isOpen = (name) => current === name;
export const onOpen = (listener) => listeners.push(listener);

export function open(name) {
  current = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.panel === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(tab.dataset.panel).hidden = !chosen;
  }
  for (const listener of listeners) listener();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.dataset.panel));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    open(next.dataset.panel);
    next.focus();
  });
}
if (!LIVE) $("tab-live").remove();

// Strokes need a pointer; files do not.
$("no-pointer").addEventListener("click", () => {
  open("image");
  $("choose").focus();
});
