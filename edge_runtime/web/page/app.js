// Starts the page. Everything it loads comes from the device.

import "./camera.js";
import "./list.js";
import { connect } from "./live.js";
import { onModelSwitch } from "./models.js";
import * as pad from "./pad.js";
import * as preview from "./preview.js";
import { LIVE, isOpen, open } from "./tabs.js";

onModelSwitch(() => {
  pad.changed();
  preview.readAllAgain();
});

function repaint() {
  if (isOpen("draw")) pad.repaint();
  if (isOpen("image")) preview.repaint();
}
new ResizeObserver(repaint).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

open(LIVE ? "live" : "draw");
connect();
