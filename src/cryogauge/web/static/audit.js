"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const VIEWS = [["view-xy", "x", "y", "z"], ["view-xz", "x", "z", "y"], ["view-zy", "z", "y", "x"]]; // right, down, depth
  const kinds = [...by("kinds").querySelectorAll("button")];
  const hues = Object.fromEntries(kinds.map((button) => [button.dataset.kind, button.dataset.hue]));

  let annotator = "";
  let round = 0; // counts fresh starts: answers to an earlier one are ignored
  let queue = []; // what comes next, its pictures on their way
  let known = new Set(); // what has been in the queue
  let current = null;
  let shownAt = 0; // when the current suggestion was painted; 0 while it is not
  let saving = Promise.resolve(); // answers go out one after the other
  let unsaved = 0;
  let undoing = false;
  let plain = false; // without circles
  let counts = { done: 0, skipped: 0, total: 0 };
  let finishing = false; // the form to write back is shown though suggestions are left

  // ---- talking to the server
  async function ask(path, body) {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, options);
    if (!answer.ok) {
      const text = await answer.text();
      let told = {};
      try { told = JSON.parse(text); } catch { /* plain text */ }
      throw new Error([told.message || text || answer.statusText, told.hint].filter(Boolean).join("; "));
    }
    return answer;
  }

  async function load(id) {
    const answer = await ask(`/api/suggestions/${id}.png`);
    return createImageBitmap(await answer.blob());
  }

  const withPicture = (item) => {
    const image = load(item.id);
    image.catch(() => {}); // told when its turn comes
    return { ...item, image };
  };

  function take(state) {
    counts = { done: state.done, skipped: state.skipped, total: state.total };
    by("progress").max = Math.max(state.total, 1);
    by("progress").value = state.done;
    by("far").textContent = `${state.done} of ${state.total}`;
    for (const item of state.upcoming) {
      if (known.has(item.id)) continue;
      known.add(item.id);
      queue.push(withPicture(item));
    }
  }

  const words = (error) => (error instanceof TypeError ? "The server does not answer" : error.message);

  function fail(error) {
    current = null;
    by("problem").firstElementChild.textContent = `${words(error)}. What was saved is kept; the rest is shown again.`;
    by("problem").hidden = false;
    by("work").hidden = by("over").hidden = by("finish").hidden = true;
    by("retry").focus();
  }

  async function begin() {
    const mine = ++round;
    [queue, known, current, unsaved, finishing, saving] = [[], new Set(), null, 0, false, Promise.resolve()];
    for (const id of ["problem", "over", "work", "who"]) by(id).hidden = true;
    try {
      const state = await (await ask(`/api/next?annotator=${encodeURIComponent(annotator)}`)).json();
      if (mine !== round) return;
      by("name").textContent = annotator;
      by("me").hidden = by("finish").hidden = false;
      take(state);
      next();
    } catch (error) { if (mine === round) fail(error); }
  }

  // ---- one suggestion after the other
  function next() { show(queue.shift() || null); }

  function layout() {
    const over = finishing || (current === null && unsaved === 0);
    by("over").hidden = !over;
    by("work").hidden = over;
    by("finish").hidden = over;
    if (!over) {
      by("written").hidden = true;
      return;
    }
    const left = counts.total - counts.done;
    by("over-heading").textContent = left ? `${counts.done} of ${counts.total} judged` : `All ${counts.total} are judged`;
    by("again").hidden = !counts.skipped;
    by("again").textContent = `Look again at the ${counts.skipped} passed over`;
    by("return").hidden = !left;
  }

  async function show(item) {
    const mine = round;
    [current, shownAt] = [item, 0];
    layout();
    if (item === null) return;
    try {
      const image = await item.image;
      if (mine !== round || current !== item) return;
      item.bitmap = image;
      tell();
      draw();
      shownAt = performance.now();
      by("views").dataset.shown = Number(by("views").dataset.shown || 0) + 1;
    } catch (error) { if (mine === round) fail(error); }
  }

  function answer(said) {
    if (!current || !shownAt || undoing || finishing) return;
    const [mine, item] = [round, current];
    const body = { annotator, suggestion: item.id, said, seconds: (performance.now() - shownAt) / 1000 };
    unsaved += 1;
    saving = saving.then(() => ask("/api/answer", body)).then((got) => got.json()).then((state) => {
      if (mine !== round) return;
      unsaved -= 1;
      take(state);
      if (current === null) next();
    }).catch((error) => { if (mine === round) { round += 1; fail(error); } });
    next();
  }

  async function undo() {
    if (undoing) return;
    undoing = true;
    const mine = round;
    try {
      await saving;
      if (mine !== round) return;
      const state = await (await ask("/api/undo", { annotator })).json();
      if (mine !== round || !state.undone) return;
      finishing = false;
      if (current) queue.unshift(current);
      known.add(state.undone.id);
      take(state);
      show(withPicture(state.undone));
    } catch (error) { if (mine === round) fail(error); } finally { undoing = false; }
  }

  async function again() {
    const mine = round;
    try {
      await saving;
      await ask("/api/again", { annotator });
      if (mine === round) begin();
    } catch (error) { if (mine === round) fail(error); }
  }

  // ---- the question in words
  const article = (name) => (/^[aeiou]/i.test(name) ? "an" : "a");
  const ANSWERS = {
    missing: (item) => ({
      sort: "Missing?", question: [`${article(item.object) === "an" ? "An" : "A"} `, item.object, " here, and no label."],
      accept: "yes, label it", reject: "no, nothing of the kind", yes: item.object, no: "",
    }),
    wrong: (item) => ({
      sort: "Wrong?", question: ["Labelled ", item.object, ", and nothing like it here."],
      accept: "yes, take the label away", reject: "no, the label is right", yes: "", no: item.object,
    }),
    swapped: (item) => ({
      sort: "Swapped?", question: ["Labelled ", item.object, `, but looks like ${article(item.other)} `, item.other, "."],
      accept: `yes, ${item.other}`, reject: `no, ${item.object}`, yes: item.other, no: item.object,
    }),
  };

  function named(kind) {
    const bold = document.createElement("b");
    const mark = kinds.find((button) => button.dataset.kind === kind)?.querySelector("svg");
    if (mark) bold.append(mark.cloneNode(true));
    bold.append(kind);
    return bold;
  }

  function tell() {
    const told = ANSWERS[current.kind](current);
    current.told = told;
    by("sort").textContent = told.sort;
    const names = [current.object, current.other].filter(Boolean);
    by("question").replaceChildren(...told.question.map((part) => (names.includes(part) ? named(part) : part)));
    by("certainty").style.width = `${100 * current.score}%`;
    by("score").textContent = `certainty ${current.score.toFixed(2)}`;
    by("accept").querySelector("span").textContent = told.accept;
    by("reject").querySelector("span").textContent = told.reject;
    const [x, y, z] = current.place_nm;
    by("where").textContent = `${current.tomogram}, ${x} · ${y} · ${z} nm (x, y, z)`
      + (current.remembered ? "; judged by a network that learned its labels" : "");
  }

  // ---- seeing
  function draw() {
    const edge = current.edge_px;
    VIEWS.forEach(([id, right, down, depth], number) => {
      const canvas = by(id).querySelector("canvas");
      const box = canvas.getBoundingClientRect();
      const size = Math.max(1, Math.round(box.width * (window.devicePixelRatio || 1)));
      [canvas.width, canvas.height] = [size, size];
      const pen = canvas.getContext("2d");
      const scale = size / edge;
      pen.imageSmoothingQuality = "high";
      pen.drawImage(current.bitmap, 0, number * edge, edge, edge, 0, 0, size, size);
      if (!plain) circles(pen, scale, right, down, depth);
      if (number === 0) bar(pen, scale);
    });
  }

  function bar(pen, scale) {
    const nm = [100, 50, 20, 10, 5, 2, 1].find((each) => each * 10 / current.voxel_size_A < current.edge_px / 4) || 1;
    const [length, unit] = [nm * 10 / current.voxel_size_A * scale, pen.canvas.width / 600];
    const [x, y] = [pen.canvas.width - 16 * unit - length, pen.canvas.height - 18 * unit];
    pen.fillStyle = "rgb(0 0 0/.6)";
    pen.fillRect(x - 8 * unit, y - 22 * unit, length + 16 * unit, 32 * unit);
    pen.fillStyle = "#fff";
    pen.fillRect(x, y, length, 3 * unit);
    pen.font = `${13 * unit}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.fillText(`${nm} nm`, x + length / 2, y - 7 * unit);
  }

  function circles(pen, scale, right, down, depth) {
    const unit = Math.max(1, pen.canvas.width / 480);
    for (const each of [...current.circles].reverse()) { // those of the suggestion on top
      const square = each.radius ** 2 - (each[depth] - current.edge_px / 2) ** 2;
      if (square <= 0) continue;
      const near = each.role === "near";
      for (const [colour, thick] of [["rgb(0 0 0/.55)", near ? 2 : 4.5], [hues[each.object] || "#fff", near ? 1 : 2.5]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick * unit;
        pen.setLineDash(each.role === "suggested" ? [9 * unit, 7 * unit] : []);
        pen.beginPath();
        pen.arc(each[right] * scale, each[down] * scale, Math.sqrt(square) * scale, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
  }

  function setPlain(value) {
    if (plain === value) return;
    plain = value;
    by("hide").setAttribute("aria-pressed", String(plain));
    if (current && current.bitmap) draw();
  }

  // ---- keys and buttons
  const accept = () => { if (current && current.told) answer(current.told.yes); };
  const reject = () => { if (current && current.told) answer(current.told.no); };
  const skip = () => answer(null);
  const keys = {
    a: accept, ArrowRight: accept, r: reject, ArrowLeft: reject, s: skip, u: undo, h: () => setPlain(true),
    ...Object.fromEntries(kinds.map((button) => [button.querySelector("kbd")?.textContent, () => answer(button.dataset.kind)])),
  };
  const keyOf = (event) => (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !by("who").hidden || !by("problem").hidden) return;
    if (event.target instanceof HTMLInputElement) return;
    const action = Object.hasOwn(keys, keyOf(event)) && keys[keyOf(event)];
    if (!action) return;
    event.preventDefault();
    if (!event.repeat) action();
  });
  document.addEventListener("keyup", (event) => { if (keyOf(event) === "h") setPlain(false); });
  window.addEventListener("blur", () => setPlain(false));
  kinds.forEach((button) => button.addEventListener("click", () => answer(button.dataset.kind)));
  for (const [id, action] of [["accept", accept], ["reject", reject], ["skip", skip], ["undo", undo], ["again", again],
    ["hide", () => setPlain(!plain)], ["retry", begin]]) by(id).addEventListener("click", action);

  // ---- writing back
  by("finish").addEventListener("click", async (event) => {
    event.preventDefault();
    const mine = round;
    await saving;
    if (mine !== round) return;
    finishing = true;
    layout();
    by("write").querySelector("button").focus();
  });
  by("return").addEventListener("click", () => {
    finishing = false;
    layout();
    if (current && current.bitmap) draw();
  });
  by("write").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = by("write").querySelector("button");
    const [user, session] = [by("user").value.trim(), by("session").value.trim()];
    const told = by("written");
    button.disabled = true;
    try {
      await saving;
      const done = await (await ask("/api/write", { user, session })).json();
      told.textContent = `${done.picks} labels written as ${user}/${session}: ${done.told}.`;
      told.className = "notice";
    } catch (error) {
      told.textContent = `${words(error)}.`;
      told.className = "notice fail";
    }
    told.hidden = false;
    button.disabled = false;
  });

  // ---- who judges
  by("change").addEventListener("click", (event) => {
    event.preventDefault();
    round += 1;
    [current, queue] = [null, []];
    for (const id of ["problem", "over", "work", "me", "finish"]) by(id).hidden = true;
    by("who").hidden = false;
    by("annotator").value = "";
    by("annotator").focus();
  });
  by("who").addEventListener("submit", (event) => {
    event.preventDefault();
    annotator = by("annotator").value.trim();
    if (annotator) begin();
  });

  new ResizeObserver(() => { if (current && current.bitmap && !by("work").hidden) draw(); }).observe(by("views"));
  by("annotator").value = by("who").dataset.annotator;
  if (by("annotator").value) by("who").requestSubmit();
  else by("annotator").focus();
})();
