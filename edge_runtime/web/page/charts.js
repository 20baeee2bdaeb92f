// Charts of the last 30 seconds: frame rate, time per frame, CPU and memory.

import { $, colour, fitCanvas, make } from "./dom.js";

const [POINTS, POINTS_PER_SECOND] = [120, 4];
const [GUTTER, MARGIN] = [34, 7]; // px, for the labels of the scale, and half of their height
const STAGES = ["capture", "detect", "classify"]; // with colours of their own

const charts = {};
let lastTime = 0;

const stageColour = (name) => (STAGES.includes(name) ? name : "other");

// Adds the device's state to the charts.
export function addPoint(state) {
  const now = performance.now();
  if (now - lastTime < 1000 / POINTS_PER_SECOND) return;
  lastTime = now;
  const stages = Object.entries(state.stages);
  // The wait for the camera is listed, but it is not work of this device: it is neither summed up nor drawn.
  const work = stages.filter(([name]) => name !== "capture");
  const busy = work.reduce((sum, [, ms]) => sum + ms, 0);
  push("rate", "Frames/s", state.rate.toFixed(1), [["detect", state.rate]]);
  push("latency", "Time per frame", `${busy.toFixed(1)} ms`, work, stages);
  push("cpu", "CPU", `${Math.round(state.cpu * 100)}%`, [["detect", state.cpu * 100]]);
  if (state.memory) push("memory", "Memory", `${Math.round(state.memory)} MB`, [["detect", state.memory]]);
}

function push(key, label, value, layers, legend = []) {
  charts[key] ||= create(key, label);
  const chart = charts[key];
  chart.value.textContent = value;
  chart.legend.replaceChildren(
    ...legend.map(([name, ms]) => {
      const entry = make("li", `${name} ${ms.toFixed(1)} ms`);
      entry.style.setProperty("--colour", `var(--${stageColour(name)})`);
      return entry;
    }),
  );
  chart.points.push(layers);
  if (chart.points.length > POINTS) chart.points.shift();
  draw(chart);
}

function create(key, label) {
  const box = make("div", "", `chart ${key}`);
  const head = make("p", label);
  const value = make("b");
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const legend = make("ul", "", "legend");
  head.append(value);
  const times = make("p", "30 s ago", "times");
  times.append(make("span", "now"));
  box.append(head, canvas, times, legend);
  $("charts").append(box);
  return { value, canvas, legend, points: [] };
}

// The smallest round number that is not below an amount: the top of the scale.
function roundUp(amount) {
  const power = 10 ** Math.floor(Math.log10(Math.max(amount, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= amount);
}

// Draws the layers of all points on top of each other.
function draw({ canvas, points }) {
  const context = fitCanvas(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  const total = (layers) => layers.reduce((sum, [, amount]) => sum + amount, 0);
  const highest = roundUp(Math.max(...points.map(total)));
  const x = (index) => width - ((points.length - 1 - index) * (width - GUTTER)) / (POINTS - 1);
  const y = (amount) => height - MARGIN - (amount / highest) * (height - 2 * MARGIN);
  const upper = points.map(() => 0);
  context.clearRect(0, 0, width, height);
  drawScale(context, width, [0, highest / 2, highest], y);
  for (const [layer, [name]] of points.at(-1).entries()) {
    const lower = upper.slice();
    points.forEach((layers, index) => (upper[index] += layers[layer] ? layers[layer][1] : 0));
    context.beginPath();
    upper.forEach((amount, index) => context.lineTo(x(index), y(amount)));
    const stacked = points.at(-1).length > 1;
    context.fillStyle = colour(stageColour(name));
    context.strokeStyle = stacked ? colour("card") : context.fillStyle; // layers have a gap between them
    context.lineWidth = 1.5;
    context.stroke();
    for (let index = points.length - 1; index >= 0; index--) context.lineTo(x(index), y(lower[index]));
    context.globalAlpha = stacked ? 1 : 0.16;
    context.fill();
    context.globalAlpha = 1;
  }
}

// Lines at these amounts, with the amounts beside them.
function drawScale(context, width, amounts, y) {
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.strokeStyle = colour("border");
  context.fillStyle = colour("muted");
  context.lineWidth = 1;
  context.beginPath();
  for (const amount of amounts) {
    context.fillText(String(amount), GUTTER - 6, y(amount));
    context.moveTo(GUTTER, Math.round(y(amount)) + 0.5);
    context.lineTo(width, Math.round(y(amount)) + 0.5);
  }
  context.stroke();
}
