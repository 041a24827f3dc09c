// What people want of a session: sent in their name. Watchers have no such buttons, and the server refuses them.

import { base, by, make, root } from "./collect_live.js";

export const drives = root.dataset.drives === "1";
const NAME = "cryogauge-name";
let sent = () => {};

function say(text, isFault) {
  by("answer").textContent = text;
  by("answer").classList.toggle("fault", Boolean(isFault));
}

export async function order(what, target = "", text = "") {
  const who = by("who");
  if (!who.value.trim()) {
    say("Say who you are first.", true);
    who.focus();
    return false;
  }
  localStorage.setItem(NAME, who.value.trim());
  try {
    const answer = await fetch(`${base}/api/orders`, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ order: what, target, text, by: who.value.trim() }),
    });
    if (!answer.ok) {
      const told = await answer.json().catch(() => ({ message: answer.statusText }));
      throw new Error(told.message + (told.hint ? `: ${told.hint}` : ""));
    }
    say(`Told the session: ${text ? "a remark" : what}${target ? ` for ${target}` : ""}.`);
    sent();
    return true;
  } catch (error) {
    say(error instanceof TypeError ? "The server does not answer; nothing was ordered." : error.message, true);
    return false;
  }
}

/** Makes the buttons at the top work; `whenSent` is called after an order was taken. */
export function bindControls(whenSent) {
  if (!drives) return;
  sent = whenSent;
  by("who").value = localStorage.getItem(NAME) ?? "";
  by("pause").addEventListener("click", () => order("pause"));
  by("go-on").addEventListener("click", () => order("go on"));
  by("stop").addEventListener("click", () => {
    if (confirm("Stop the session before its next action? Whoever runs it must start it again.")) order("stop");
  });
  for (const id of ["who", "pause", "go-on", "stop"]) by(id).disabled = false;
}

export function paintControls(head) {
  if (!drives) return;
  const over = ["finished", "stopped", "cut off"].includes(head.state);
  const held = Boolean(head.orders.paused || head.orders.stopped) && !over;
  by("pause").hidden = held || over;
  by("go-on").hidden = !held;
  by("stop").hidden = over || Boolean(head.orders.stopped);
}

/** Buttons for a grid or square; painted anew only when what they offer changes, so that no click is lost. */
export function targetButtons(place, target, { excluded, open }) {
  if (!drives) return;
  const offer = `${target} ${excluded} ${open}`;
  if (place.dataset.offer === offer) return;
  place.dataset.offer = offer;
  const remark = make("input", { type: "text", maxlength: 500, placeholder: "Remark", "aria-label": `Remark on ${target}` });
  const form = make("form", { class: "bar", onsubmit: async (event) => {
    event.preventDefault();
    if (remark.value.trim() && await order("remark", target, remark.value)) remark.value = "";
  } }, remark, make("button", {}, "Say it"));
  const buttons = [];
  if (open && !excluded) {
    buttons.push(make("button", { type: "button", onclick: () => order("first", target) }, "Do first"));
    buttons.push(make("button", { type: "button", onclick: () => order("exclude", target) }, "Leave out"));
  }
  if (excluded) buttons.push(make("button", { type: "button", onclick: () => order("include", target) }, "Take in again"));
  place.replaceChildren(...buttons, form);
}
