// The page of a session: its grids ranked, what comes next, the newest exposures, indicators over time.

import { base, by, count, fitColour, follow, make, median, number } from "./collect_live.js";
import { bindControls } from "./collect_orders.js";
import { paintQueue, paintRemarks, paintStatus, paintThumbs, paintWords, sessionTiles } from "./collect_parts.js";
import { makePlots } from "./collect_plots.js";

const [NEWEST, LATEST] = [12, 300];

function part(name, value) {
  const bar = make("i", {});
  bar.style.width = `${100 * (value ?? 0)}%`;
  return make("span", { class: "part", title: `${name}: ${number(value)}` }, make("span", { class: "mute" }, name), make("span", { class: "track" }, bar));
}

function card(grid) {
  const seen = grid.exposures ? `${count(grid.squares_seen, "square")} seen of ${grid.squares_found}, ${count(grid.exposures, "exposure")}` : grid.squares_found ? `${count(grid.squares_found, "square")} found` : "not looked at yet";
  const fit = make("span", { class: "chip" }, grid.median_fit_A ? `median fit ${number(grid.median_fit_A, 1)} Å` : "no median fit");
  if (grid.median_fit_A) fit.style.setProperty("--chip", fitColour(grid.median_fit_A));
  const quiet = grid.score === null && !grid.atlas;
  return make("li", { class: `card grid ${quiet ? "quiet" : ""}`, "data-slot": grid.slot },
    grid.atlas ? make("img", { src: `${base}/atlas/${grid.slot}.jpg?small=1`, alt: "", width: 92, height: 92 }) : make("span", { class: "no-atlas" }),
    make("div", {},
      make("h3", {}, make("a", { href: `${base}/grids/${grid.slot}` }, `${grid.slot}: ${grid.grid}`), make("span", { class: `pill ${grid.state.replaceAll(" ", "-")}` }, grid.state)),
      make("p", { class: "mute" }, seen, grid.exposures ? " · " : null, grid.exposures ? fit : null),
      grid.note ? make("p", { class: "note" }, grid.note) : null),
    quiet ? null : make("div", { class: "score" },
      make("b", {}, number(grid.score)),
      make("div", { class: "parts" }, part("squares", grid.squares_score), part("holes", grid.holes_score), part("exposures", grid.exposures_score))));
}

const drawPlots = makePlots(by("plots"));
let told = "";

const { look } = follow(undefined, (known, changed) => {
  const { head } = known;
  const latest = [...known.exposures.values()];
  for (const each of latest.slice(0, -LATEST)) known.exposures.delete(each.exposure);
  const shown = latest.slice(-LATEST);
  paintStatus(head);
  sessionTiles(head, median(shown.slice(-20).map((each) => each.ctf_resolution_A)));
  const grids = JSON.stringify(head.grids);
  if (grids !== told) {
    told = grids;
    const focused = document.activeElement?.closest?.("li.grid")?.dataset.slot;
    by("grids").replaceChildren(...head.grids.map(card));
    if (!head.grids.length) by("grids").replaceChildren(make("li", { class: "how" }, head.said));
    if (focused) by("grids").querySelector(`[data-slot="${focused}"] a`)?.focus({ preventScroll: true });
  }
  paintQueue(head.queue);
  paintWords(known.words);
  paintRemarks(head.orders.remarks);
  if (changed.whole || changed.exposures.length) {
    paintThumbs(by("newest"), shown.slice(-NEWEST).reverse());
    drawPlots(shown, head);
  }
});
bindControls(look);
