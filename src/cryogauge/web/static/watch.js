// Keeps the page of a watched folder up to date: asks every two seconds whether anything changed.
"use strict";

const live = document.getElementById("live");
const away = document.getElementById("away");
const title = document.title;
let revision = live.dataset.revision;

// A selector of the link that has the focus: the same judgement is linked from the trend and from the ranking.
function placeOf(element) {
  const link = live.contains(element) ? element.getAttribute("href") : null;
  const section = link && element.closest("section")?.getAttribute("aria-labelledby");
  return section ? `section[aria-labelledby="${section}"] a[href="${CSS.escape(link)}"]` : null;
}

function replaceLive(html) {
  const open = [...live.querySelectorAll("details[open]")].map((each) => each.id);
  const focused = placeOf(document.activeElement);
  const scrolled = [...live.querySelectorAll(".scroll")].map((each) => [each.getAttribute("aria-labelledby"), each.scrollLeft]);
  live.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [name, left] of scrolled) {
    const again = live.querySelector(`.scroll[aria-labelledby="${name}"]`);
    if (again) again.scrollLeft = left;
  }
  if (focused) live.querySelector(focused)?.focus({ preventScroll: true });
  markTitle();
}

function markTitle() {
  document.title = (live.querySelector("[role=alert]") ? "▲ " : "") + title;
}

async function look() {
  try {
    const answer = await fetch("/live?revision=" + encodeURIComponent(revision));
    if (answer.status === 200) {
      replaceLive(await answer.text());
      revision = answer.headers.get("X-Revision");
    } else if (answer.status !== 204) {
      throw new Error(`status ${answer.status}`);
    }
    away.hidden = true;
  } catch {
    away.hidden = false;
  }
  setTimeout(look, 2000);
}

markTitle();
setTimeout(look, 2000);
