// Parts that the page of a session and the page of a grid have in common.

import { by, fitColour, kinds, make, number, pageOf, pictureOf, where } from "./collect_live.js";
import { paintControls } from "./collect_orders.js";

const title = document.title;
const FAR_MS = 20 * 3600 * 1000;
const clock = (date) => date.toLocaleString([], { weekday: date - Date.now() > FAR_MS ? "short" : undefined, hour: "2-digit", minute: "2-digit" });

function span(seconds) {
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${number(seconds / 3600, seconds < 36000 ? 1 : 0)} h`;
}

function leftTile({ left, state }) {
  if (["finished", "stopped"].includes(state)) return ["ended", state];
  if (left.middle_s === null) return ["–", "time left, not foretold yet"];
  const range = `${span(left.low_s)} to ${span(left.high_s)}`;
  if (!left.world) return [`≈ ${span(left.middle_s)}`, `left on the microscope’s clock, ${range}`];
  const ends = [left.low_s, left.middle_s, left.high_s].map((s) => new Date((left.now_s + s) * 1000));
  return [`≈ ${clock(ends[1])}`, `ends, ${clock(ends[0])} to ${clock(ends[2])}`];
}

function tile(value, meaning, told) {
  return make("li", { title: told }, make("b", {}, value), ` ${meaning}`);
}

export function paintStatus(head) {
  by("pill").textContent = head.state;
  by("pill").className = `pill ${head.state.replaceAll(" ", "-")}`;
  const told = head.alerts.some((each) => each.text === head.said); // once is enough
  const doing = head.state === "running" || told ? head.doing : head.said;
  by("doing").textContent = doing ? doing[0].toUpperCase() + doing.slice(1) : "";
  document.title = (head.alerts.length ? "▲ " : "") + title;
  const alerts = head.alerts.map((each) => make("p", { class: `notice ${each.level}` }, each.text));
  const before = [...by("alerts").children].map((each) => each.textContent).join("\n");
  if (before !== head.alerts.map((each) => each.text).join("\n")) by("alerts").replaceChildren(...alerts); // read out once
  paintControls(head);
}

export function sessionTiles(head, fit_A) {
  const { totals } = head;
  const [value, meaning] = leftTile(head);
  by("tiles").replaceChildren(
    tile(`${totals.grids_done} / ${totals.grids}`, "grids done"),
    tile(String(totals.squares), "squares visited"),
    tile(String(totals.exposures), `exposure${totals.exposures === 1 ? "" : "s"}${totals.lost ? `, ${totals.lost} lost` : ""}`),
    tile(head.rate_h === null ? "–" : number(head.rate_h, 0), "exposures an hour, of late"),
    tile(fit_A ? `${number(fit_A, 1)} Å` : "–", "median CTF fit, of late"),
    tile(value, meaning, head.left.said),
  );
}

export function tiles(...values) {
  by("tiles").replaceChildren(...values.map((each) => tile(...each)));
}

export function paintRemarks(remarks) {
  const heading = by("remarks").previousElementSibling;
  heading.hidden = !remarks.length;
  by("remarks").replaceChildren(...remarks.map(([target, who, text]) => make("li", {},
    make("a", { href: pageOf(target) }, target.includes("/") ? `square ${target}` : `grid ${target}`),
    ` ${text} `, make("span", { class: "mute" }, who))).reverse());
}

export function paintQueue(queue) {
  const items = queue.map((each) => make("li", {},
    make("a", { href: pageOf(each.target) }, each.what),
    make("span", { class: "mute" }, each.why)));
  if (!items.length) items.push(make("li", { class: "mute" }, "Nothing."));
  by("queue").replaceChildren(...items);
}

const FAULT = /tried again|given up|is missing|cannot|could not|paused|stopped|waiting|needs a person|error|lost/;

export function paintWords(lines) {
  const box = by("words");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  box.replaceChildren(...lines.map((line) => {
    const [at, text] = [line.slice(11, 16), line.slice(21)];
    return make("p", { class: FAULT.test(text) ? "fault" : null, title: line.slice(0, 19) }, make("span", { class: "mute" }, at), ` ${text}`);
  }));
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** Thumbnails that lead to their exposures; those that are there stay as they are. */
export function paintThumbs(list, exposures, chosen) {
  const there = new Map([...list.children].map((each) => [each.dataset.name, each]));
  list.replaceChildren(...exposures.map((each) => {
    const fit = each.ctf_resolution_A;
    const [slot, square, hole] = each.exposure.split("/");
    const told = `${number(each.score)} ${JSON.stringify(fit)} ${each.kind}`;
    let item = there.get(each.exposure);
    if (!item || item.dataset.told !== told) {
      const bar = make("i", { class: "fit" });
      bar.style.background = fit ? fitColour(fit) : "transparent";
      item = make("li", { "data-name": each.exposure, "data-told": told }, make("a", { href: pageOf(each.exposure) },
        make("img", { src: pictureOf(each.exposure, true), alt: "", width: 128, height: 128, loading: "lazy" }), bar,
        make("span", {}, make("b", {}, fit ? `${number(fit, 1)} Å` : "no fit"), ` ${kinds[each.kind] ?? each.kind ?? ""}`),
        make("span", { class: "mute" }, `${slot}/${square} · ${hole}`)));
      item.firstChild.title = `Grid ${slot}, ${where(each.exposure)}: ${each.said}`;
    }
    item.classList.toggle("chosen", each.exposure === chosen);
    return item;
  }));
  if (!exposures.length) list.replaceChildren(make("li", { class: "mute" }, "None yet."));
}
