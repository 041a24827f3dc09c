// What the pages of a session know, kept up to date: only what changed since the last answer is asked for.

export const by = (id) => document.getElementById(id);
export const root = by("session");
export const base = root.dataset.base;
const SVG = "http://www.w3.org/2000/svg";

function put(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((each) => each !== null && each !== undefined));
  return element;
}
export const make = (tag, attributes = {}, ...children) => put(document.createElement(tag), attributes, children);
export const shape = (tag, attributes = {}, ...children) => put(document.createElementNS(SVG, tag), attributes, children);

// ------------------------------------------------------------------ values in words
export const number = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−"));
export const count = (value, what) => `${value} ${what}${value === 1 ? "" : "s"}`;
export const kinds = {
  great: "great", decent: "decent", contaminated: "contaminated", empty: "empty", crystalline: "crystalline ice",
  no_particles: "no particles", unsure: "class unsure",
};
export function where(name) {
  const [, square, hole, shot] = name.split("/");
  return `square ${square}, hole ${hole}${shot === "0" ? "" : `, shot ${Number(shot) + 1}`}`;
}
export const pictureOf = (name, small) => `${base}/exposures/${name.replaceAll("/", "_")}.jpg${small ? "?small=1" : ""}`;
export const pageOf = (target) => {
  const [slot, ...rest] = target.split("/");
  return `${base}/grids/${slot}${rest.length ? `#${rest.join("/")}` : ""}`;
};
export const words = (flag) => flag.replaceAll("_", " ");
export const median = (values) => {
  const known = values.map((each) => each ?? Infinity).sort((a, b) => a - b);
  if (!known.length) return undefined;
  const middle = (known[(known.length - 1) >> 1] + known[known.length >> 1]) / 2;
  return Number.isFinite(middle) ? middle : null;
};

// ------------------------------------------------------------------ colours: legible without red or green vision
let stops = [];
export function heat(share) {
  if (!stops.length) {
    const told = getComputedStyle(document.documentElement).getPropertyValue("--heat");
    stops = [...told.matchAll(/rgb\((\d+) (\d+) (\d+)\)/g)].map((found) => found.slice(1).map(Number));
  }
  if (!stops.length) return "rgb(128 128 128)"; // the scale did not come
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const mixed = stops[low].map((each, index) => Math.round(each + (at - low) * (stops[low + 1][index] - each)));
  return `rgb(${mixed.join(" ")})`;
}
const [BEST_A, WORST_A] = [3, 20];
export const fitShare = (fit_A) => (fit_A ? Math.log(WORST_A / fit_A) / Math.log(WORST_A / BEST_A) : 0);
export const fitColour = (fit_A) => heat(fitShare(fit_A));
export const fitTicks = [20, 12, 8, 5, 3];

// ------------------------------------------------------------------ asking
const [OFTEN_MS, SELDOM_MS] = [1000, 15000];
const AWAY = by("away").textContent;
class Refused extends Error {}

/** @param paint gets what is known and what of it changed: `whole`, names of `exposures`, numbers of `squares`. */
export function follow(slot, paint) {
  const known = { head: null, words: [], exposures: new Map(), grid: null, squares: new Map(), outlines: new Map(), lost: {} };
  let [cursor, timer, asking] = ["", 0, false];

  function take(told) {
    cursor = told.cursor;
    if (told.whole) {
      known.words = [];
      known.exposures.clear();
      known.squares.clear();
      known.outlines.clear();
    }
    known.head = told.head;
    known.words = [...known.words, ...told.words].slice(-200);
    for (const row of told.exposures) {
      const made = Object.fromEntries(told.columns.map((column, index) => [column, row[index]]));
      known.exposures.set(made.exposure, made);
    }
    const changed = { whole: told.whole, exposures: told.exposures.map((row) => row[0]), squares: [], outlines: false };
    if (told.grid) {
      known.grid = { ...known.grid, ...told.grid };
      known.lost = told.grid.lost ?? {};
      if (told.grid.outlines) {
        changed.outlines = true;
        for (const each of told.grid.outlines) known.outlines.set(each.square, each);
      }
      for (const [square, state, why] of told.grid.squares ?? []) {
        known.squares.set(square, { state, why });
        changed.squares.push(square);
      }
    }
    paint(known, changed);
  }

  async function look() {
    clearTimeout(timer);
    if (asking) return;
    asking = true;
    try {
      const query = new URLSearchParams(slot === undefined ? { cursor } : { cursor, grid: slot });
      const answer = await fetch(`${base}/api/changes?${query}`);
      if (answer.status === 200) take(await answer.json());
      else if (answer.status !== 204) throw new Refused((await answer.json().catch(() => ({}))).message ?? `status ${answer.status}`);
      by("away").hidden = true;
    } catch (error) {
      by("away").hidden = false;
      by("away").textContent = error instanceof Refused ? error.message : AWAY;
      if (!(error instanceof Refused || error instanceof TypeError)) console.error(error);
    } finally {
      asking = false;
      timer = setTimeout(look, document.hidden ? SELDOM_MS : OFTEN_MS);
    }
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  look();
  return { known, look };
}
