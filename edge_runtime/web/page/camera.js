// The browser's own camera: a picture of what it sees is read like any other image.

import { $, make, notice } from "./dom.js";
import { toJpeg } from "./picture.js";
import { isOpen, onOpen } from "./tabs.js";
import { take } from "./upload.js";

const REASONS = {
  NotAllowedError: "This page may not use the camera. Allow it in the browser's address bar, then try again.",
  NotFoundError: "This computer has no camera.",
  NotReadableError: "The camera is in use by another program.",
};

const video = $("video");
let stream = null;
let starting = false;

// Why there is no camera at all: browsers offer it to encrypted pages and to localhost only.
function explain() {
  const port = location.port || "80";
  return (
    "Browsers let a page use the camera only over HTTPS or on localhost. Forward the port with " +
    `ssh -L ${port}:127.0.0.1:${port} ${location.hostname} and open http://localhost:${port}/, ` +
    "or take a photo with another program and choose the file."
  );
}

async function start() {
  notice("camera", navigator.mediaDevices ? "" : explain());
  if (!navigator.mediaDevices || starting || stream) return;
  starting = true;
  try {
    const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, facingMode: "environment" } });
  } catch (error) {
    notice("camera", REASONS[error.name] || `The camera cannot be used: ${error.message}`);
    return;
  } finally {
    starting = false;
  }
  if (!isOpen("image")) {
    stop(); // the permission came too late
    return;
  }
  video.srcObject = stream;
  $("viewfinder").hidden = false;
  $("shoot").focus();
}

function stop() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = video.srcObject = null;
  $("viewfinder").hidden = true;
}

async function shoot() {
  if (!video.videoWidth) return; // the first frame has not arrived yet
  const canvas = make("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "");
  const blob = await toJpeg(canvas);
  stop();
  take([new File([blob], `camera-${time}.jpg`, { type: blob.type })]);
}

$("camera").addEventListener("click", start);
$("shoot").addEventListener("click", shoot);
$("close-camera").addEventListener("click", stop);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
onOpen(() => {
  notice("camera", "");
  if (!isOpen("image")) stop();
});
