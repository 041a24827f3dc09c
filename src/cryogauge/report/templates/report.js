"use strict";
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];

  // Sorting. Numbers by value, texts by the reader's alphabet, empty cells last in either direction.
  const compareTexts = new Intl.Collator(undefined, { numeric: true }).compare;

  function compareKeys(a, b) {
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? compareTexts(a, b) : difference;
  }

  function sortBy(heading) {
    const other = { ascending: "descending", descending: "ascending" };
    const direction = other[heading.getAttribute("aria-sort")] || heading.dataset.first;
    headings.forEach((cell) => cell.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const key = (row) => row.cells[heading.cellIndex].dataset.key;
    rows.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      if (left === "" || right === "") return (left === "") - (right === "");
      return sign * compareKeys(left, right);
    });
    body.append(...rows);
  }

  headings.filter((cell) => cell.dataset.column).forEach((cell) =>
    cell.firstElementChild.addEventListener("click", () => sortBy(cell)));

  // Finding: every word must occur in the name or the flags.
  const find = document.getElementById("find");
  const onlyFlagged = document.getElementById("only-flagged");
  const shown = document.getElementById("shown");
  const column = (name) => headings.find((cell) => cell.dataset.column === name).cellIndex;
  const [nameColumn, flagColumn] = [column("tomogram"), column("flags")];
  const wording = new Map(rows.map((row) =>
    [row, `${row.cells[nameColumn].textContent} ${row.cells[flagColumn].textContent}`.toLocaleLowerCase()]));

  function filter() {
    const words = find.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = words.every((word) => wording.get(row).includes(word)) &&
        (!onlyFlagged.checked || row.classList.contains("flagged"));
      row.hidden = !fits;
      document.getElementById(row.dataset.section).hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
  }

  find.addEventListener("input", filter);
  onlyFlagged.addEventListener("change", filter);

  // A link to a tomogram opens its section, also where the filter had hidden it.
  function openTarget() {
    const section = document.getElementById(location.hash.slice(1));
    if (!section || !section.classList.contains("tomogram")) return;
    section.hidden = false;
    section.open = true;
    section.scrollIntoView();
    section.firstElementChild.focus({ preventScroll: true });
  }

  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#t"]');
    if (link && link.getAttribute("href") === location.hash) openTarget();
  });
  openTarget();

  const sections = [...document.querySelectorAll(".tomogram")];
  const setAll = (open) => sections.forEach((section) => { section.open = open && !section.hidden; });
  document.getElementById("open-all").addEventListener("click", () => setAll(true));
  document.getElementById("close-all").addEventListener("click", () => setAll(false));

  // The numbers of one slice, under the pointer or by the arrow keys.
  function describe(curve, z) {
    const { left, right, scores, halves } = curve.dataset;
    const values = scores.split(" ");
    const slice = Math.min(Math.max(Math.round(z), 0), values.length - 1);
    const place = Number(left) + slice / Math.max(values.length - 1, 1) * (right - left);
    const cursor = curve.querySelector(".cursor");
    cursor.setAttribute("transform", `translate(${place} 0)`);
    cursor.setAttribute("visibility", "visible");
    const known = (text) => text !== "nan";
    const half = halves.split(" ")[slice];
    const score = known(values[slice]) ? `score ${values[slice]}${known(half) ? ` ± ${half}` : ""}` : "no score";
    curve.closest("figure").querySelector(".readout").textContent = `z ${slice}: ${score}`;
    curve.dataset.z = slice;
  }

  document.querySelectorAll(".curve").forEach((curve) => {
    curve.addEventListener("pointermove", (event) => {
      const { left, right, scores } = curve.dataset;
      const box = curve.getBoundingClientRect();
      const place = (event.clientX - box.left) / box.width * curve.viewBox.baseVal.width;
      describe(curve, (place - left) / (right - left) * (scores.split(" ").length - 1));
    });
    curve.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (!step) return;
      event.preventDefault();
      describe(curve, Number(curve.dataset.z ?? -1) + step);
    });
  });
})();
