// Starts the page. Everything it loads comes from the device.

import { connect } from "./live.js";
import { onModelSwitch } from "./models.js";
import * as pad from "./pad.js";
import { LIVE, isOpen, open } from "./tabs.js";
import * as upload from "./upload.js";

onModelSwitch(() => {
  pad.changed();
  upload.update();
});

function repaint() {
  if (isOpen("draw")) pad.repaint();
  if (isOpen("image")) upload.repaint();
}
new ResizeObserver(repaint).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

open(LIVE ? "live" : "draw");
connect();
