"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const form = by("submit");
  const button = form.querySelector("button");
  const answer = by("answer");

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  function list(items) {
    const all = make("ul");
    for (const item of items) all.append(make("li", item));
    return all;
  }

  function say(kind, ...parts) {
    const notice = make("div", "", `notice ${kind}`);
    notice.append(...parts);
    answer.replaceChildren(notice);
    notice.scrollIntoView({ block: "nearest" });
  }

  async function refresh() {
    const found = await fetch("/standings");
    if (found.ok) by("standings").innerHTML = await found.text(); // escaped by the server
  }

  function refused(told) {
    const head = make("b", told.message || "The server refused it.");
    const parts = [head];
    if (told.problems) {
      parts.push(list(told.problems.map((each) => `line ${each.line}: ${each.message}`)));
      const more = told.problem_count - told.problems.length;
      if (more > 0) parts.push(make("p", `… and ${more} more.`));
    }
    if (told.suspicions) {
      parts.push(list(told.suspicions));
      const again = make("button", "Submit all the same");
      again.type = "button";
      again.addEventListener("click", () => send(true));
      parts.push(again);
    } else if (told.hint) parts.push(make("p", told.hint));
    say(told.suspicions ? "warn" : "fail", ...parts);
  }

  function scored(told) {
    const score = make("b", told.public.toFixed(5), "score");
    const parts = [score, ` public score of submission ${told.number} by ${told.team}, ${told.picks} picks`];
    if ("private" in told) parts.push(`; private score ${told.private.toFixed(5)}`);
    if (told.remarks.length) parts.push(list(told.remarks));
    say("", ...parts);
  }

  async function send(sure) {
    const file = by("file").files[0];
    if (!file) return;
    if (file.size > Number(form.dataset.largest)) {
      say("fail", make("b", "The file is too large."), make("p", `At most ${form.dataset.largest / 1048576} MiB are taken.`));
      return;
    }
    const query = new URLSearchParams({ team: by("team").value, note: by("note").value, sure: String(sure) });
    button.disabled = true;
    say("", "Scoring …");
    try {
      const found = await fetch(`/api/submit?${query}`, { method: "POST", headers: { "Content-Type": "text/csv" }, body: file });
      const text = await found.text();
      let told;
      try { told = JSON.parse(text); } catch { told = { message: text || found.statusText }; }
      if (found.ok) {
        scored(told);
        await refresh();
      } else refused(told);
    } catch (error) {
      // A browser gives up on a file that was changed after it was chosen, as on a server that is away.
      const lost = error instanceof TypeError;
      say("fail", make("b", lost ? "The server does not answer, or the file has changed: choose it again." : error.message));
    } finally { button.disabled = false; }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(false);
  });
  button.disabled = false; // without this script it would send nothing
})();
