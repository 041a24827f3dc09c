"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".averages li")];
  const bands = [...document.querySelectorAll(".band")];
  const [cutoff, find, which, sort] = ["cutoff", "find", "which", "sort"].map(by);
  const wording = new Map(cards.map((card) => [card, card.textContent.toLocaleLowerCase()]));
  const boxOf = (card) => card.querySelector("input");
  const weight = (card) => Number(card.dataset.weight || 0);
  const byHand = new Map(); // {card: whether it is kept}

  const meant = (card) => Number(card.dataset.grade) <= Number(cutoff.value) + 1e-9;
  const grouped = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
  const numbers = (list) => list.map((card) => card.dataset.class).sort((a, b) => a - b).join(",");

  // Keeping: by the cut-off, or by hand where a person disagrees with it.
  function decide() {
    for (const card of cards) {
      if (byHand.get(card) === meant(card)) byHand.delete(card); // the cut-off has come to say the same
      const kept = byHand.get(card) ?? meant(card);
      boxOf(card).checked = kept;
      card.classList.toggle("dropped", !kept);
      card.classList.toggle("changed", byHand.has(card));
      card.querySelector(".keep span").textContent = (kept ? "kept" : "dropped") + (byHand.has(card) ? " by hand" : "");
    }
    const kept = cards.filter((card) => boxOf(card).checked);
    const [some, all] = [kept, cards].map((list) => list.reduce((sum, card) => sum + weight(card), 0));
    const share = all > 0 ? `, ${(100 * some / all).toFixed(1)} % of the particles` : "";
    const count = by("cut").dataset.unit === "particles" ? ` (${grouped(some)} of ${grouped(all)})` : "";
    by("kept").textContent = `${kept.length} of ${cards.length} classes${share}${count}`;
    by("cutoff-value").textContent = Number(cutoff.value).toFixed(1);
    const added = [...byHand].filter(([, keep]) => keep).map(([card]) => card);
    const taken = [...byHand].filter(([, keep]) => !keep).map(([card]) => card);
    by("command").textContent = `cryogauge classes select GRADES --cutoff ${Number(cutoff.value).toFixed(1)}`
      + (added.length ? ` --keep ${numbers(added)}` : "") + (taken.length ? ` --drop ${numbers(taken)}` : "") + " --out selected";
    filter();
  }

  const SHOWN = {
    all: () => true,
    kept: (card) => boxOf(card).checked,
    dropped: (card) => !boxOf(card).checked,
    changed: (card) => byHand.has(card),
  };

  function filter() {
    const words = find.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const fits = (card, word) => (/^\d+$/.test(word) ? card.dataset.class === word : wording.get(card).includes(word));
    let count = 0;
    for (const card of cards) {
      card.hidden = !(words.every((word) => fits(card, word)) && SHOWN[which.value](card));
      count += !card.hidden;
    }
    bands.forEach((band) => { band.hidden = !band.querySelector("li:not([hidden])"); });
    by("shown").textContent = `${count} of ${cards.length} shown`;
  }

  // Sorting within each band; what is not known comes last.
  function order() {
    const [key, sign] = [sort.value, sort.value === "particles" ? -1 : 1];
    const value = (card) => (card.dataset[key] === undefined || card.dataset[key] === "" ? Infinity : sign * Number(card.dataset[key]));
    for (const band of bands) {
      const list = band.querySelector("ul");
      list.append(...[...list.children].sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        return left === right ? 0 : left - right;
      }));
    }
  }

  cutoff.addEventListener("input", decide);
  find.addEventListener("input", filter);
  which.addEventListener("change", filter);
  sort.addEventListener("change", order);
  cards.forEach((card) => boxOf(card).addEventListener("change", (event) => {
    byHand.set(card, event.target.checked);
    decide();
  }));
  decide();
})();
