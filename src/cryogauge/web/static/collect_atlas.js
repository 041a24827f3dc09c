// The atlas of a grid with the outlines of its squares: pointed at, chosen, zoomed; and a square's picture with its holes.

import { base, fitColour, heat, make, number, shape } from "./collect_live.js";

/** Of what was not exposed, where colours tell what exposures fit to. */
export const UNKNOWN = "rgb(150 158 165)";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const middleOf = (corners) => [0, 1].map((axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length);

/** The nearest of some places in a direction: within 45° of it. */
export function nextIn(places, from, [dx, dy]) {
  let [best, least] = [null, Infinity];
  for (const [key, [x, y]] of places) {
    const [along, aside] = [(x - from[0]) * dx + (y - from[1]) * dy, Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx)];
    if (along > 0 && aside <= along && along + aside < least) [best, least] = [key, along + aside];
  }
  return best;
}

export class Atlas {
  /** @param told has `choose(square)` and `point(square or null)`. */
  constructor(place, told) {
    this.place = place;
    this.told = told;
    this.marks = new Map();
    this.places = new Map();
  }

  /** Draws all outlines anew, as closely and with the keyboard's focus as before. */
  fill(slot, [height, width], outlines) {
    const [view, focused] = [this.view ?? [0, 0, width], this.svg && this.svg === document.activeElement];
    this.size = [width, height];
    this.view = [0, 0, width, height];
    this.marks.clear();
    this.places.clear();
    const layer = shape("g", {});
    for (const each of outlines.values()) {
      const mark = shape("polygon", { points: each.corners_px.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" "), "data-key": each.square });
      this.marks.set(each.square, mark);
      this.places.set(each.square, middleOf(each.corners_px));
      layer.append(mark);
    }
    this.halo = shape("polygon", { class: "halo", points: "" });
    this.svg = shape("svg", { class: "marks", viewBox: this.view.join(" "), tabindex: 0, role: "application", "aria-label": `Atlas of grid ${slot} with ${outlines.size} squares: arrow keys go from one to the next` },
      shape("image", { href: `${base}/atlas/${slot}.jpg`, width, height }), layer, this.halo);
    this.svg.addEventListener("click", (event) => { if (!this.dragged) this.at(event, (key) => this.told.choose(key)); });
    this.svg.addEventListener("pointermove", (event) => this.moved(event));
    this.svg.addEventListener("pointerdown", (event) => { [this.held, this.dragged] = [[event.clientX, event.clientY], false]; });
    for (const end of ["pointerup", "pointerleave"]) this.svg.addEventListener(end, () => { this.held = null; });
    this.svg.addEventListener("pointerleave", () => this.told.point(null));
    this.svg.addEventListener("keydown", (event) => this.pressed(event));
    this.svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a page must scroll
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.point(event));
    }, { passive: false });
    this.place.replaceChildren(this.svg);
    this.look(view[0], view[1], view[2]);
    if (focused) this.svg.focus({ preventScroll: true });
  }

  at(event, then) {
    const key = event.target.dataset?.key;
    if (key !== undefined) then(Number(key));
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const [x, y, width, height] = this.view;
    return [x + (event.clientX - box.left) / box.width * width, y + (event.clientY - box.top) / box.height * height];
  }

  moved(event) {
    if (this.held && event.buttons && this.view[2] < this.size[0]) {
      if (!this.dragged && Math.hypot(event.clientX - this.held[0], event.clientY - this.held[1]) < 4) return;
      this.dragged = true;
      const box = this.svg.getBoundingClientRect();
      const [dx, dy] = [(event.clientX - this.held[0]) / box.width * this.view[2], (event.clientY - this.held[1]) / box.height * this.view[3]];
      this.held = [event.clientX, event.clientY];
      this.look(this.view[0] - dx, this.view[1] - dy, this.view[2]);
      return;
    }
    this.told.point(event.target.dataset?.key === undefined ? null : Number(event.target.dataset.key));
  }

  pressed(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const from = this.places.get(this.chosen) ?? [this.view[0] + this.view[2] / 2, this.view[1] + this.view[3] / 2];
    const key = nextIn(this.places, from, step);
    if (key !== null) this.told.choose(key);
  }

  zoom(by, about) {
    if (!this.svg) return;
    if (!by) return this.look(0, 0, this.size[0]);
    const [x, y, width, height] = this.view;
    const [mx, my] = about ?? this.places.get(this.chosen) ?? [x + width / 2, y + height / 2];
    const wide = Math.min(Math.max(width / by, this.size[0] / 16), this.size[0]);
    if (about) this.look(mx - (mx - x) * wide / width, my - (my - y) * wide / width, wide);
    else this.look(mx - wide / 2, my - wide / 2 * this.size[1] / this.size[0], wide);
  }

  look(x, y, wide) {
    const high = wide * this.size[1] / this.size[0];
    this.view = [Math.min(Math.max(x, 0), this.size[0] - wide), Math.min(Math.max(y, 0), this.size[1] - high), wide, high];
    this.svg.style.touchAction = wide < this.size[0] ? "none" : "";
    this.svg.setAttribute("viewBox", this.view.map((each) => each.toFixed(2)).join(" "));
  }

  mark(square, colour, state) {
    const mark = this.marks.get(square);
    if (!mark) return;
    mark.setAttribute("class", state.replaceAll(" ", "-"));
    mark.style.stroke = colour;
    mark.style.fill = colour;
  }

  choose(square) {
    this.chosen = square;
    this.halo?.setAttribute("points", this.marks.get(square)?.getAttribute("points") ?? "");
  }
}

/** A part of the atlas about a square that has no picture of its own. */
export function closeUp(place, slot, [height, width], corners) {
  const [x, y] = middleOf(corners);
  const reach = 1.6 * Math.max(...corners.map((corner) => Math.hypot(corner[0] - x, corner[1] - y)));
  place.replaceChildren(shape("svg", { class: "marks close", viewBox: [x - reach, y - reach, 2 * reach, 2 * reach].map((each) => each.toFixed(1)).join(" "), role: "img", "aria-label": "The square in the atlas" },
    shape("image", { href: `${base}/atlas/${slot}.jpg`, width, height }),
    shape("polygon", { class: "planned", points: corners.map(([a, b]) => `${a + 0.5},${b + 0.5}`).join(" ") })));
}

export class Square {
  /** @param told has `choose(exposure's name)` and `say(sentence)`. */
  constructor(place, told) {
    this.place = place;
    this.told = told;
    this.forget();
  }

  /** What is drawn is of another square, or of before: it is neither painted nor told of. */
  forget() {
    [this.holes, this.pointed] = [null, null];
  }

  /** Draws the picture and its holes anew. */
  fill(slot, number_, seen) {
    this.forget();
    const focused = number_ === this.number ? this.svg?.querySelector(":focus")?.dataset.key : undefined;
    [this.number, this.focused] = [number_, focused];
    this.holes = new Map();
    this.seen = seen;
    if (!seen.shape_px) {
      this.place.replaceChildren(make("p", { class: "notice warn" }, "The picture of this square is missing or damaged."));
      return;
    }
    const [height, width] = seen.shape_px;
    const radius = Math.max(seen.diameter_px / 2, width / 200);
    const layer = shape("g", {});
    for (const each of seen.left) layer.append(this.circle({ ...each, left: true }, radius));
    for (const each of seen.holes) if (each.x_px !== null) layer.append(this.circle(each, radius));
    this.svg = shape("svg", { class: "marks", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Square ${number_} with ${seen.holes.length + seen.left.length} holes` },
      shape("image", { href: `${base}/squares/${slot}/${number_}.jpg`, width, height }), layer);
    this.svg.addEventListener("pointermove", (event) => this.point(event.target.dataset?.key === undefined ? null : Number(event.target.dataset.key)));
    this.svg.addEventListener("pointerleave", () => this.point(null));
    this.place.replaceChildren(this.svg);
  }

  circle(hole, radius) {
    const mark = shape("circle", { cx: hole.x_px + 0.5, cy: hole.y_px + 0.5, r: radius, class: hole.left ? "left-out" : "spare", "data-key": hole.hole });
    this.holes.set(hole.hole, { ...hole, mark });
    return mark;
  }

  point(key) {
    if (!this.holes) return;
    this.pointed = key;
    this.told.say(key === null ? "" : this.sentence(key));
  }

  /** Colours the holes by what their exposures came to, and tells anew of the one pointed at. */
  paint(exposures, lost, byFit) {
    if (!this.holes) return;
    const taken = new Map();
    for (const each of exposures) {
      const key = Number(each.exposure.split("/")[2]);
      taken.set(key, [...(taken.get(key) ?? []), each]);
    }
    const spoilt = new Map(Object.entries(lost).map(([name, why]) => [Number(name.split("/")[2]), why]));
    for (const [key, hole] of this.holes) {
      const own = taken.get(key);
      [hole.taken, hole.lost] = [own, own ? undefined : spoilt.get(key)];
      const best = own?.reduce((a, b) => ((a.ctf_resolution_A ?? 99) <= (b.ctf_resolution_A ?? 99) ? a : b));
      const { mark } = hole;
      const state = own ? "exposed" : hole.lost !== undefined ? "lost" : hole.left ? "left-out" : hole.chosen_because ? "planned" : "spare";
      mark.setAttribute("class", state);
      const known = own ? best : hole;
      const colour = hole.left && !own ? "" : !byFit ? heat(known.score ?? 0) : own ? fitColour(best.ctf_resolution_A) : UNKNOWN;
      mark.style.stroke = colour;
      mark.style.fill = own ? colour : "";
      if (own && !mark.hasAttribute("tabindex")) {
        const go = () => this.told.choose(own[0].exposure);
        mark.setAttribute("tabindex", "0");
        mark.setAttribute("role", "button");
        mark.addEventListener("click", go);
        mark.addEventListener("focus", () => this.point(key));
        mark.addEventListener("blur", () => this.point(null));
        mark.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); } });
      }
      if (own) mark.setAttribute("aria-label", this.sentence(key));
    }
    this.point(this.pointed);
    if (this.focused !== undefined) this.holes.get(Number(this.focused))?.mark.focus({ preventScroll: true });
    this.focused = undefined;
  }

  sentence(key) {
    const hole = this.holes.get(key);
    if (hole.taken) {
      const [one] = hole.taken;
      const fit = one.ctf_resolution_A ? `CTF fit ${number(one.ctf_resolution_A, 1)} Å` : "no CTF fit";
      return `Hole ${key}: exposed, score ${number(one.score)}, ${fit}. ${one.said}`;
    }
    if (hole.lost !== undefined) return `Hole ${key}: lost to a fault: ${hole.lost}`;
    if (hole.left) return `Hole ${key}: ${hole.why}.`;
    return `Hole ${key}: score ${number(hole.score)}, ${hole.chosen_because || "in reserve"}; ${hole.why}.`;
  }
}
