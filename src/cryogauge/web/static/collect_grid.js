// The page of a grid: its atlas, a square, an exposure, and the list of squares.

import { base, by, count, fitColour, fitShare, fitTicks, follow, heat, kinds, make, median, number, pictureOf, root, where, words } from "./collect_live.js";
import { Atlas, Square, UNKNOWN, closeUp } from "./collect_atlas.js";
import { paintClasses } from "./collect_classes.js";
import { bindControls, targetButtons } from "./collect_orders.js";
import { paintRemarks, paintStatus, paintThumbs, tiles } from "./collect_parts.js";
import { makePlots } from "./collect_plots.js";

const slot = Number(root.dataset.slot);
const STATES = { exposed: "exposed", seen: "looked at", "under way": "under way", planned: "planned", spare: "in reserve", "left out": "left out" };
let [known, square, exposure, pointed, byFit, loaded] = [null, null, null, null, false, ""];

const atlas = new Atlas(by("atlas"), { choose: (key) => go(key), point: (key) => { pointed = key; readOut(); } });
const holes = new Square(by("square"), { choose: (name) => go(square, name), say: (text) => { by("square-readout").textContent = text || squareWords(square); } });
const drawPlots = makePlots(by("plots"));

const fitsOf = (key) => exposuresOf(key).map((each) => each.ctf_resolution_A);
const exposuresOf = (key) => known.bySquare.get(key) ?? [];

function colourOf(key) {
  if (!byFit) return heat(known.outlines.get(key)?.score ?? 0);
  const fits = fitsOf(key);
  return fits.length ? fitColour(median(fits)) : UNKNOWN;
}

function squareWords(key) {
  const [outline, state] = [known?.outlines.get(key), known?.squares.get(key)];
  if (!outline || !state) return "Point at a square, or use the arrow keys.";
  const why = state.why ? ` ${state.why[0].toUpperCase()}${state.why.slice(1)}` : "";
  return `Square ${key}: ${STATES[state.state]}, ${outline.kind}, score ${number(outline.score)}.${why}${/[.!?]$/.test(why) || !why ? "" : "."}`;
}

function readOut() {
  by("atlas-readout").textContent = squareWords(pointed ?? square);
}

// ------------------------------------------------------------------ choosing
function go(key, name = null, keep = false) {
  if (!keep) [by("follow").checked, pointed] = [false, null];
  const target = name ?? (key === null ? "" : `${slot}/${key}`);
  history.replaceState(null, "", target ? `#${target.split("/").slice(1).join("/")}` : location.pathname);
  [square, exposure] = [key, name];
  paintSquare();
}

function fromAddress() {
  const parts = location.hash.slice(1).split("/").filter(Boolean).map(Number);
  if (!parts.length || parts.some((each) => !Number.isInteger(each) || each < 0)) return;
  by("follow").checked = false;
  [square, exposure] = [parts[0], parts.length === 3 ? `${slot}/${parts.join("/")}` : null];
  if (known) paintSquare();
  if (exposure) by("exposure").scrollIntoView({ block: "nearest" });
}

function followMicroscope() {
  if (!by("follow").checked) return;
  const now = known.grid?.now ?? "";
  const latest = [...known.bySquare.keys()].at(-1);
  const key = now.startsWith(`${slot}/`) ? Number(now.split("/")[1]) : square ?? latest ?? null;
  if (key !== square) go(key, null, true);
}

// ------------------------------------------------------------------ painting
async function paintSquare() {
  const state = known.squares.get(square);
  atlas.choose(square);
  readOut();
  by("square-heading").textContent = square === null ? "Square" : `Square ${square}`;
  by("square-readout").textContent = square === null ? "" : squareWords(square);
  paintExposures();
  if (!state) return;
  const { excluded } = known.head.orders;
  targetButtons(by("square-orders"), `${slot}/${square}`, {
    excluded: `${slot}/${square}` in excluded, open: ["planned", "spare", "under way"].includes(state.state),
  });
  for (const row of by("squares").children) row.classList.toggle("chosen", Number(row.dataset.square) === square);
  const wanted = `${square} ${state.state}`;
  if (loaded !== wanted) {
    loaded = wanted;
    holes.forget();
    const asked = square;
    const answer = await fetch(`${base}/api/squares/${slot}/${asked}`).catch(() => null);
    const seen = answer?.status === 200 ? await answer.json() : null;
    if (asked !== square || loaded !== wanted) return; // another square, or a later state of it, was asked for since
    if (seen) holes.fill(slot, asked, seen);
    else {
      loaded = state.state === "under way" ? "" : wanted; // its picture comes soon
      if (known.grid.shape_px) closeUp(by("square"), slot, known.grid.shape_px, known.outlines.get(asked).corners_px);
    }
  }
  holes.paint(exposuresOf(square), lostOf(square), byFit);
}

function lostOf(key) {
  return Object.fromEntries(Object.entries(known.lost).filter(([name]) => name.startsWith(`${slot}/${key}/`)));
}

function paintExposures() {
  const own = exposuresOf(square);
  by("exposures-heading").textContent = square === null ? "Exposures" : `Exposures of square ${square}`;
  paintThumbs(by("thumbs"), own, exposure);
  const one = own.find((each) => each.exposure === exposure);
  by("exposure").hidden = !one;
  if (one) paintExposure(one);
}

function paintExposure(one) {
  const told = JSON.stringify(one);
  if (by("exposure").dataset.told === told) return;
  by("exposure").dataset.told = told;
  const um = (value) => `${number(value === null ? null : value / 10000)} µm`;
  const measured = (value, digits, unit) => (value === null ? "not measured" : `${number(value, digits)}${unit}`);
  const share = (value) => measured(value === null ? null : 100 * value, 0, " %");
  const facts = [
    ["Score", number(one.score)], ["Class", one.kind === null ? "not judged" : kinds[one.kind] ?? one.kind],
    ["CTF fit", one.ctf_resolution_A ? `${number(one.ctf_resolution_A, 1)} Å` : "none"],
    ["Defocus", `${one.defocus_A === null ? "not fitted" : um(one.defocus_A)}, wanted ${um(one.wanted_A)}`],
    ["Astigmatism", measured(one.astigmatism_A, 0, " Å")], ["Ice", measured(one.ice_thickness_nm, 0, " nm")],
    ["Ice ring", measured(one.ice_ring, 2, "")], ["Drift before", measured(one.drift_A_s, 2, " Å/s")],
    ["Motion", one.motion_A === null ? "not measured: no frames" : `${number(one.motion_A, 1)} Å`],
    ["Particles", one.particles === null ? "not measured" : `${number(one.particles, 0)}, ${number(one.particles_per_um2, 0)} per µm²`],
    ["Contamination", share(one.contamination_fraction)], ["Carbon", share(one.carbon_fraction)],
  ];
  const flags = (one.flags ?? "").split(" ").filter(Boolean);
  by("exposure").replaceChildren(
    make("a", { href: pictureOf(one.exposure), target: "_blank", rel: "noopener" }, make("img", { src: pictureOf(one.exposure), alt: `Exposure ${one.exposure}`, width: 512, height: 512 })),
    make("div", {},
      make("h3", {}, where(one.exposure).replace(/^./, (first) => first.toUpperCase())),
      make("p", {}, ...flags.map((each) => make("span", { class: "flag" }, words(each)))),
      make("p", {}, one.said ?? ""),
      make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))));
}

function paintList() {
  const wanted = by("filter").value;
  const rank = { "under way": 0, exposed: 1, seen: 2, planned: 3, spare: 4, "left out": 5 };
  const rows = [...known.squares].filter(([, { state }]) => wanted === "all" || (wanted === "left out" ? state === wanted : rank[state] < 4));
  rows.sort((a, b) => rank[a[1].state] - rank[b[1].state]);
  const focused = document.activeElement?.closest?.("tr[data-square]")?.dataset.square;
  by("squares").replaceChildren(...rows.map(([key, { state, why }]) => {
    const [outline, fits] = [known.outlines.get(key), fitsOf(key)];
    return make("tr", { "data-square": key, class: key === square ? "chosen" : null },
      make("th", { scope: "row", class: "number" }, make("a", { href: `#${key}` }, String(key))),
      make("td", { class: "number" }, number(outline?.score)), make("td", {}, outline?.kind ?? ""),
      make("td", {}, STATES[state]), make("td", { class: "number" }, fits.length ? String(fits.length) : ""),
      make("td", { class: "number" }, fits.length ? number(median(fits), 1) : ""), make("td", { class: "why" }, why));
  }));
  if (focused) by("squares").querySelector(`[data-square="${focused}"] a`)?.focus({ preventScroll: true });
  if (!rows.length) by("squares").replaceChildren(make("tr", {}, make("td", { colspan: 7, class: "mute" }, "None.")));
}

function paintLegend() {
  const scale = make("span", { class: "scale" });
  scale.style.background = `linear-gradient(90deg,${[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map(heat).join(",")})`;
  const ticks = byFit ? fitTicks.map((each) => [each, fitShare(each)]) : [0, 0.5, 1].map((each) => [each, each]);
  const labels = make("span", { class: "ticks" }, ...ticks.map(([value, at]) => {
    const label = make("span", {}, byFit ? `${value} Å` : String(value));
    label.style.left = `${100 * at}%`;
    return label;
  }));
  const key = (state, text) => make("span", { class: `key ${state}` }, text);
  by("legend").replaceChildren(make("span", { class: "scaled" }, scale, labels),
    key("under-way", "under way"), key("exposed", "exposed"), key("planned", "planned"), key("spare", "in reserve"), key("left-out", "left out"));
}

function paintMarks(squares) {
  for (const key of squares) atlas.mark(key, colourOf(key), known.squares.get(key).state);
}

function paintTiles() {
  const { grid, head } = known;
  const own = head.grids.find((each) => each.slot === slot);
  const fit = median([...known.exposures.values()].map((each) => each.ctf_resolution_A));
  const place = head.grids.findIndex((each) => each.slot === slot) + 1;
  tiles(
    [own?.score === null || !own ? "–" : number(own.score), own?.score === null || !own ? "no score yet" : `score, place ${place} of ${head.grids.length}`],
    [own ? String(own.squares_seen) : "0", `squares seen of ${known.squares.size || "–"}`],
    [String(known.exposures.size), `exposure${known.exposures.size === 1 ? "" : "s"}`],
    [fit ? `${number(fit, 1)} Å` : "–", "median CTF fit"],
    [grid.state, "this grid"],
  );
  by("why").textContent = grid.why ?? "";
  by("why").className = grid.why ? "notice" : "";
  targetButtons(by("grid-orders"), String(slot), { excluded: String(slot) in head.orders.excluded, open: ["waiting", "under way"].includes(grid.state) });
  paintRemarks(head.orders.remarks.filter(([target]) => target.split("/")[0] === String(slot)));
}

const { look } = follow(slot, (now, changed) => {
  known = now;
  if (changed.whole || changed.exposures.length) {
    known.bySquare = new Map();
    for (const each of known.exposures.values()) {
      const key = Number(each.exposure.split("/")[1]);
      known.bySquare.set(key, [...(known.bySquare.get(key) ?? []), each]);
    }
  }
  paintStatus(known.head);
  paintTiles();
  if (changed.outlines) {
    if (known.grid.shape_px) atlas.fill(slot, known.grid.shape_px, known.outlines);
    else by("atlas").replaceChildren(make("p", { class: "notice warn" }, "The picture of the atlas is missing or damaged; the list of squares is below."));
    loaded = "";
  } else if (!known.outlines.size) {
    const { tiles: taken, state } = known.grid;
    by("atlas").replaceChildren(make("p", { class: "how" }, taken ? `The atlas is being taken: ${count(taken, "picture")} so far.` : state === "waiting" ? "This grid waits for its turn." : "There is no atlas of this grid."));
  }
  if (changed.outlines || changed.squares.length || changed.exposures.length) {
    paintMarks(changed.outlines || byFit ? known.squares.keys() : changed.squares);
    paintList();
  }
  paintClasses(slot, known.grid.classes, [...known.exposures.values()].reduce((sum, each) => sum + (each.particles ?? 0), 0), known.head.state);
  if (changed.whole || changed.exposures.length) drawPlots([...known.exposures.values()], known.head);
  followMicroscope();
  if (square !== null) paintSquare();
  else paintExposures();
});

for (const choice of by("colour-by").querySelectorAll("input")) {
  choice.addEventListener("change", () => {
    byFit = choice.value === "fit";
    paintLegend();
    if (!known) return;
    paintMarks(known.squares.keys());
    holes.paint(exposuresOf(square), lostOf(square), byFit);
  });
  choice.disabled = false;
}
for (const button of by("zoom").querySelectorAll("button")) {
  button.addEventListener("click", () => atlas.zoom(Number(button.dataset.zoom)));
  button.disabled = false;
}
by("filter").addEventListener("change", () => { if (known) paintList(); });
by("filter").disabled = false;
by("follow").addEventListener("change", () => { if (known) followMicroscope(); });
by("follow").disabled = false;
by("squares").addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-square]");
  if (row) { event.preventDefault(); go(Number(row.dataset.square)); }
});
by("thumbs").addEventListener("click", (event) => {
  const item = event.target.closest("li[data-name]");
  if (item) { event.preventDefault(); go(square, item.dataset.name); by("exposure").scrollIntoView({ block: "nearest" }); }
});
addEventListener("hashchange", fromAddress);
paintLegend();
fromAddress();
bindControls(() => look());
