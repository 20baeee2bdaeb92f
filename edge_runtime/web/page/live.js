// The live view: the device's events, the image, and the numbers in it.

import { addPoint } from "./charts.js";
import { $, hasNotice, make, notice, pause, percent, setShape, setText } from "./dom.js";
import { showModel } from "./models.js";
import { lengthToFit } from "./reading.js";
import { LIVE, isOpen, onOpen } from "./tabs.js";

const SILENCE_LIMIT = 5000; // ms; the device sends an event every second, and a broken network reports nothing

let events = null;
let silence = 0;

// Events ---------------------------------------------------------------------------------------------------

export function connect() {
  if (events) events.close();
  events = new EventSource("/events");
  events.onopen = () => {
    notice("connection", "");
    updateStream(true);
  };
  events.onmessage = (event) => {
    clearTimeout(silence);
    silence = setTimeout(onLost, SILENCE_LIMIT);
    show(JSON.parse(event.data));
  };
  events.onerror = onLost;
}

function disconnect() {
  clearTimeout(silence);
  if (events) events.close();
  events = null;
}

async function onLost() {
  notice("connection", "Connection to the device lost. Reconnecting …");
  setState("lost", "Disconnected");
  clearTimeout(silence);
  if (events && events.readyState === EventSource.CONNECTING) return; // the browser reconnects by itself
  disconnect();
  await pause(2);
  if (events || document.hidden) return;
  try {
    const health = await (await fetch("/health")).json();
    // A restarted device may have a new token: reloading shows the form for it.
    if (!("model" in health)) location.reload();
    notice("connection", "Too many viewers are connected to this device. Retrying …");
  } catch {
    // The device is still unreachable.
  }
  if (!events) connect();
}

function show(state) {
  showModel(state.model);
  if (!LIVE || !("frame" in state)) return;
  notice("source", state.problem && `${state.source || "The source"}: ${state.problem}`);
  if (state.ended) setState("paused", "Ended");
  else if (state.problem) setState("lost", "No signal");
  else if (state.paused) setState("paused", "Paused");
  else setState("live", "Live");
  $("source").textContent = [state.source, state.capture_format].filter(Boolean).join(" · ");
  $("source").title = $("source").textContent;
  showNumbers(state.numbers);
  addPoint(state);
}

function setState(state, text) {
  setText($("state"), text);
  $("state").dataset.state = state;
  $("live").classList.toggle("stale", state === "lost");
}

// The image ------------------------------------------------------------------------------------------------

// Loads the live image while its panel is visible. With `reload` the stream is requested again.
function updateStream(reload = false) {
  const stream = $("stream");
  const visible = LIVE && isOpen("live") && !document.hidden;
  if (!visible) stream.removeAttribute("src");
  else if (reload || !stream.hasAttribute("src")) stream.src = `/live.mjpg?${Date.now()}`;
}

$("stream").addEventListener("load", () => {
  $("wait").hidden = true;
  setShape($("stream"), $("stream").naturalWidth, $("stream").naturalHeight);
  notice("stream", "");
});
$("stream").addEventListener("error", async () => {
  if (!$("stream").hasAttribute("src") || hasNotice("connection")) return;
  notice("stream", "The live image is not available; there may be too many viewers. Retrying …");
  await pause(5);
  updateStream(true);
});
onOpen(() => updateStream());

// A hidden page puts no load on the device.
document.addEventListener("visibilitychange", () => {
  updateStream();
  if (document.hidden) disconnect();
  else connect();
});

// The numbers ----------------------------------------------------------------------------------------------

let shown = "";

function showNumbers(numbers) {
  const key = JSON.stringify(numbers);
  if (key === shown) return;
  shown = key;
  const list = $("numbers");
  list.classList.toggle("many", numbers.length > 2);
  while (list.children.length > numbers.length || list.querySelector(".empty")) list.lastChild.remove();
  if (!numbers.length) list.append(make("p", "No digits in view", "empty"));
  numbers.forEach((number, index) => {
    const entry = list.children[index] || list.appendChild(makeNumber());
    const [text, bar] = entry.children;
    setText(text, number.text);
    bar.firstChild.style.transform = `scaleX(${number.confidence})`;
    entry.classList.toggle("unconfirmed", !number.confirmed);
    entry.style.setProperty("--length", lengthToFit([number.text]));
    entry.title = `${percent(number.confidence)} confidence`;
  });
}

function makeNumber() {
  const entry = make("div", "", "number");
  const bar = make("span", "", "bar");
  bar.append(make("i"));
  entry.append(make("b"), bar);
  return entry;
}
