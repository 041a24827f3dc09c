// 2-D classes of a grid: the averages of the last round with their grades, and the numbers of all rounds.

import { base, by, count, make, number, words } from "./collect_live.js";

const percent = (share) => (share === null ? "–" : `${number(100 * share, 0)} %`);
let painted = "";

function picture(slot, round, row) {
  const told = `Class ${row.class}: grade ${number(row.grade, 1)}, ${percent(row.share)} of the particles${row.resolution_A ? `, ${number(row.resolution_A, 0)} Å` : ""}${row.flags ? `, ${row.flags.split(" ").map(words).join(", ")}` : ""}`;
  return make("li", { title: told, class: row.grade <= 3.5 ? "good" : null },
    make("img", { src: `${base}/classes/${slot}/${round}/${row.picture}.jpg`, alt: told, width: 96, height: 96, loading: "lazy" }),
    make("b", {}, number(row.grade, 1)), make("span", { class: "mute" }, ` ${percent(row.share)}`));
}

function line(row) {
  const cells = [row.particles, row.used, row.classes || "–", percent(row.good_share), number(row.best_grade, 1),
    row.best_resolution_A === null ? "–" : number(row.best_resolution_A, 0), number(row.views, 1), percent(row.crowd_share), percent(row.views_covered)];
  return make("tr", { title: row.said }, make("th", { scope: "row", class: "number" }, String(row.round)),
    ...cells.map((cell) => make("td", { class: "number" }, String(cell))), make("td", {}, ...flags(row)));
}

const flags = (row) => row.flags.split(" ").filter(Boolean).map((each) => make("span", { class: "flag" }, words(each)));

/** @param told what the server tells of a grid's classes; @param particles of its exposures so far; @param state of the session. */
export function paintClasses(slot, told, particles, state) {
  by("classes").hidden = !told || (!told.every && !told.rounds.length);
  if (by("classes").hidden) return;
  const done = told.rounds.at(-1)?.particles ?? 0;
  const ended = ["finished", "stopped"].includes(state);
  const next = told.rounds.length ? "The next classes" : "Classes";
  const wait = !told.every || (ended && told.rounds.length) ? "" : ended
    ? ` Too few for classes, which are made from ${told.every} particles of good exposures on.`
    : ` ${next} are made at ${done + told.every} particles of good exposures.`;
  by("classes-said").textContent = `${count(particles, "particle")} so far.${wait}`;
  const now = JSON.stringify(told);
  if (now === painted) return;
  painted = now;
  const last = told.rounds.at(-1);
  by("class-words").replaceChildren(...(last ? [...flags(last), last.said] : []));
  by("class-strip").replaceChildren(...told.each.map((row) => picture(slot, told.shown, row)));
  by("class-rounds").replaceChildren(...[...told.rounds].reverse().map(line));
  by("class-table").hidden = !told.rounds.length;
}
