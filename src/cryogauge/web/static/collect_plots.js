// Indicators over time: small plots, a dot an exposure, drawn on canvases since there may be thousands.

import { fitColour, kinds, make, number, pageOf, words } from "./collect_live.js";

const HEIGHT = 150;
const MARGIN = { left: 40, right: 10, top: 10, bottom: 16 };
const labels = {
  empty: "empty", crystalline: "crystalline", contaminated: "dirty", no_particles: "no particles", unsure: "unsure",
  decent: "decent", great: "great",
};
const classes = Object.keys(labels); // the worst first
const PLOTS = [
  { name: "CTF fit", unit: "Å", of: (e) => e.ctf_resolution_A, log: true, digits: 1, missing: "no fit", limit: (head) => head.good_A, better: "lower is better" },
  { name: "Defocus", unit: "µm", of: (e) => um(e.defocus_A), beside: (e) => um(e.wanted_A), digits: 2, better: "dashes: wanted" },
  { name: "Ice", unit: "nm", of: (e) => e.ice_thickness_nm, digits: 0 },
  { name: "Drift", unit: "Å/s", of: (e) => e.drift_A_s, digits: 2, better: "before the exposure" },
  { name: "Motion", unit: "Å", of: (e) => e.motion_A, digits: 1, better: "over the frames" },
  { name: "Particles", unit: "per µm²", of: (e) => e.particles_per_um2, digits: 0 },
  { name: "Score", unit: "", of: (e) => e.score, digits: 2, range: [0, 1], better: "higher is better" },
  { name: "Class", unit: "", of: (e) => (e.kind in labels ? classes.indexOf(e.kind) : null), range: [-0.5, classes.length - 0.5], names: true },
];
const um = (value) => (value === null ? null : value / 10000);

function scaleOf(plot, values) {
  let [low, high] = plot.range ?? [Math.min(...values), Math.max(...values)];
  if (!plot.range) {
    const margin = plot.log ? 1.08 : 0.08 * (high - low) || Math.abs(high) * 0.1 || 1;
    [low, high] = plot.log ? [low / margin, high * margin] : [Math.max(low - margin, low >= 0 ? 0 : -Infinity), high + margin];
  }
  return plot.log ? [Math.log(low), Math.log(high)] : [low, high];
}

function ticks(plot, [low, high]) {
  if (plot.names) return classes.map((_, index) => index);
  if (plot.log) return [2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50].filter((each) => Math.log(each) >= low && Math.log(each) <= high).filter((_, i, all) => all.length < 6 || i % 2 === 0);
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999 && (high - low) / each < 6);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) found.push(at);
  return found;
}

class Plot {
  constructor(plot) {
    this.plot = plot;
    this.left = plot.names ? 78 : MARGIN.left;
    this.canvas = make("canvas", { role: "img", tabindex: "-1" });
    this.readout = make("figcaption", {});
    const heading = make("h3", {}, plot.name, make("span", { class: "mute" }, [plot.unit && ` ${plot.unit}`, plot.better && `, ${plot.better}`].filter(Boolean).join("")));
    this.figure = make("figure", { class: "card plot-card" }, heading, this.canvas, this.readout);
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.canvas.addEventListener("mouseleave", () => { this.near = null; this.draw(); });
    this.canvas.addEventListener("click", () => { if (this.near) location.href = pageOf(this.near.exposure); });
  }

  show(exposures, head) {
    [this.exposures, this.head] = [exposures, head];
    this.values = exposures.map(this.plot.of).filter((each) => each !== null && each !== undefined && each >= 0);
    this.figure.hidden = !this.values.length && !(this.plot.missing && exposures.length);
    if (!this.figure.hidden) this.draw();
  }

  places() {
    const { width } = this.canvas.getBoundingClientRect();
    const [low, high] = this.scale;
    const inner = HEIGHT - MARGIN.top - MARGIN.bottom;
    const many = Math.max(this.exposures.length, 10);
    return {
      width,
      x: (index) => this.left + (index + 0.5) / many * (width - this.left - MARGIN.right),
      y: (value) => HEIGHT - MARGIN.bottom - ((this.plot.log ? Math.log(value) : value) - low) / (high - low) * inner,
    };
  }

  draw() {
    const { plot, exposures, canvas } = this;
    const limit = plot.limit?.(this.head);
    this.scale = scaleOf(plot, this.values.length ? [...this.values, ...(limit ? [limit] : [])] : [1, 10]);
    const style = getComputedStyle(canvas);
    const [ink, mute, rule] = ["--ink", "--mute", "--rule"].map((name) => style.getPropertyValue(name));
    const ratio = devicePixelRatio || 1;
    const { width, x, y } = this.places();
    if (!width) return;
    [canvas.width, canvas.height] = [Math.round(width * ratio), HEIGHT * ratio];
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(plot, this.scale)) {
      pen.strokeStyle = rule;
      pen.beginPath();
      pen.moveTo(this.left, y(value));
      pen.lineTo(width - MARGIN.right, y(value));
      pen.stroke();
      pen.fillStyle = mute;
      pen.fillText(plot.names ? labels[classes[value]] : String(Number(value.toPrecision(3))), this.left - 6, y(value));
    }
    if (limit) line(pen, mute, [5, 4], this.left, y(limit), width - MARGIN.right, y(limit));
    let slot = exposures[0]?.exposure.split("/")[0];
    exposures.forEach((each, index) => {
      const own = each.exposure.split("/")[0];
      if (own !== slot) line(pen, mute, [], x(index - 0.5), HEIGHT - MARGIN.bottom, x(index - 0.5), HEIGHT - MARGIN.bottom + 10);
      slot = own;
    });
    const size = exposures.length > 400 ? 1.6 : exposures.length > 120 ? 2.2 : 3;
    exposures.forEach((each, index) => {
      const beside = plot.beside?.(each);
      if (beside) line(pen, mute, [], x(index) - 3, y(beside), x(index) + 3, y(beside));
      const value = plot.of(each);
      pen.globalAlpha = this.near === each ? 1 : 0.72;
      pen.fillStyle = plot.log && value ? fitColour(value) : ink;
      pen.strokeStyle = ink;
      if (value === null || value === undefined || value < 0) {
        if (plot.missing) cross(pen, x(index), MARGIN.top + 2);
        return;
      }
      pen.beginPath();
      pen.arc(x(index), y(value), this.near === each ? size + 2 : size, 0, 7);
      pen.fill();
      if (plot.log) { pen.lineWidth = 0.8; pen.globalAlpha = 0.6; pen.stroke(); }
    });
    pen.globalAlpha = 1;
    this.say();
  }

  say() {
    const { plot, near } = this;
    const one = (each) => {
      const value = plot.of(each);
      if (plot.names) return kinds[each.kind] ?? words(String(each.kind));
      return value === null || value === undefined ? plot.missing ?? "not measured" : `${number(value, plot.digits)} ${plot.unit}`;
    };
    const last = this.exposures.at(-1);
    const missing = plot.missing ? this.exposures.length - this.values.length : 0;
    const sorted = [...this.values].sort((a, b) => a - b);
    const overall = plot.names ? `last: ${one(last)}` : sorted.length ? `median ${number(sorted[sorted.length >> 1], plot.digits)}, last ${one(last)}${missing ? `, ${missing} without a fit` : ""}` : plot.missing;
    this.readout.textContent = near ? `${near.exposure}: ${one(near)}` : overall;
    this.canvas.setAttribute("aria-label", `${plot.name} of ${this.exposures.length} exposures: ${overall}`);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const many = Math.max(this.exposures.length, 10);
    const index = Math.floor((event.clientX - box.left - this.left) / (box.width - this.left - MARGIN.right) * many);
    const near = this.exposures[index] ?? null;
    if (near === this.near) return;
    this.near = near;
    this.draw();
  }
}

function line(pen, colour, dashes, x0, y0, x1, y1) {
  pen.save();
  pen.strokeStyle = colour;
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.restore();
}

function cross(pen, x, y) {
  pen.beginPath();
  pen.moveTo(x - 2.5, y - 2.5);
  pen.lineTo(x + 2.5, y + 2.5);
  pen.moveTo(x + 2.5, y - 2.5);
  pen.lineTo(x - 2.5, y + 2.5);
  pen.stroke();
}

/** Fills a place with plots; call what it gives with the exposures in their order. */
export function makePlots(place) {
  const plots = PLOTS.map((plot) => new Plot(plot));
  const none = make("p", { class: "how" }, "No exposure was judged yet.");
  place.replaceChildren(none, ...plots.map((each) => each.figure));
  const draw = () => plots.forEach((each) => { if (each.exposures && !each.figure.hidden) each.draw(); });
  new ResizeObserver(draw).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return (exposures, head) => {
    none.hidden = exposures.length > 0;
    plots.forEach((each) => { if (exposures.length) each.show(exposures, head); else each.figure.hidden = true; });
  };
}
