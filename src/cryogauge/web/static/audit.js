import { ask, keyOf, makeQueue, words } from "./queue.js";

(() => {
  const by = (id) => document.getElementById(id);
  const VIEWS = [["view-xy", "x", "y", "z"], ["view-xz", "x", "z", "y"], ["view-zy", "z", "y", "x"]]; // right, down, depth
  const kinds = [...by("kinds").querySelectorAll("button")];
  const hues = Object.fromEntries(kinds.map((button) => [button.dataset.kind, button.dataset.hue]));

  let plain = false; // without circles
  let finishing = false; // the form to write back is shown though suggestions are left

  const queue = makeQueue({
    answering: "/api/answer",
    coming: (state) => state.upcoming,
    key: (item) => item.id,
    picture: (item) => `/api/suggestions/${item.id}.png`,
    body: (item, said) => ({ suggestion: item.id, said }),
    canvas: by("views"),
    paint: () => { tell(); draw(); },
    parts: ["finish"],
    started: () => { finishing = false; by("finish").hidden = false; },
    undone: () => { finishing = false; },
    blocked: () => finishing,
    layout,
  });

  function layout(ended, { done, skipped, total }) {
    const over = finishing || ended;
    by("over").hidden = !over;
    by("work").hidden = over;
    by("finish").hidden = over;
    if (!over) {
      by("written").hidden = true;
      return;
    }
    by("over-heading").textContent = done < total ? `${done} of ${total} judged` : `All ${total} are judged`;
    by("again").hidden = !skipped;
    by("again").textContent = `Look again at the ${skipped} passed over`;
    by("return").hidden = done === total;
  }

  const again = () => queue.trying(async (fresh) => {
    if (!await queue.saved()) return;
    await ask("/api/again", { annotator: queue.annotator });
    if (fresh()) queue.begin();
  });

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
    const told = ANSWERS[queue.current.kind](queue.current);
    queue.current.told = told;
    by("sort").textContent = told.sort;
    const names = [queue.current.object, queue.current.other].filter(Boolean);
    by("question").replaceChildren(...told.question.map((part) => (names.includes(part) ? named(part) : part)));
    by("certainty").style.width = `${100 * queue.current.score}%`;
    by("score").textContent = `certainty ${queue.current.score.toFixed(2)}`;
    by("accept").querySelector("span").textContent = told.accept;
    by("reject").querySelector("span").textContent = told.reject;
    const [x, y, z] = queue.current.place_nm;
    by("where").textContent = `${queue.current.tomogram}, ${x} · ${y} · ${z} nm (x, y, z)`
      + (queue.current.remembered ? "; judged by a network that learned its labels" : "");
  }

  // ---- seeing
  function draw() {
    const edge = queue.current.edge_px;
    VIEWS.forEach(([id, right, down, depth], number) => {
      const canvas = by(id).querySelector("canvas");
      const box = canvas.getBoundingClientRect();
      const size = Math.max(1, Math.round(box.width * (window.devicePixelRatio || 1)));
      [canvas.width, canvas.height] = [size, size];
      const pen = canvas.getContext("2d");
      const scale = size / edge;
      pen.imageSmoothingQuality = "high";
      pen.drawImage(queue.current.bitmap, 0, number * edge, edge, edge, 0, 0, size, size);
      if (!plain) circles(pen, scale, right, down, depth);
      if (number === 0) bar(pen, scale);
    });
  }

  function bar(pen, scale) {
    const nm = [100, 50, 20, 10, 5, 2, 1].find((each) => each * 10 / queue.current.voxel_size_A < queue.current.edge_px / 4) || 1;
    const [length, unit] = [nm * 10 / queue.current.voxel_size_A * scale, pen.canvas.width / 600];
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
    for (const each of [...queue.current.circles].reverse()) { // those of the suggestion on top
      const square = each.radius ** 2 - (each[depth] - queue.current.edge_px / 2) ** 2;
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
    if (queue.current?.bitmap) draw();
  }

  // ---- keys and buttons
  const { answer } = queue;
  const accept = () => { if (queue.current?.told) answer(queue.current.told.yes); };
  const reject = () => { if (queue.current?.told) answer(queue.current.told.no); };
  const skip = () => answer(null);
  queue.bind({
    a: accept, ArrowRight: accept, r: reject, ArrowLeft: reject, s: skip, u: queue.undo, h: () => setPlain(true),
    ...Object.fromEntries(kinds.map((button) => [button.querySelector("kbd")?.textContent, () => answer(button.dataset.kind)])),
  });
  document.addEventListener("keyup", (event) => { if (keyOf(event) === "h") setPlain(false); });
  window.addEventListener("blur", () => setPlain(false));
  kinds.forEach((button) => button.addEventListener("click", () => answer(button.dataset.kind)));
  for (const [id, action] of [["accept", accept], ["reject", reject], ["skip", skip], ["again", again],
    ["hide", () => setPlain(!plain)]]) by(id).addEventListener("click", action);

  // ---- writing back
  by("finish").addEventListener("click", async (event) => {
    event.preventDefault();
    if (!await queue.saved()) return;
    finishing = true;
    queue.layout();
    by("write").querySelector("button").focus();
  });
  by("return").addEventListener("click", () => {
    finishing = false;
    queue.layout();
    if (queue.current?.bitmap) draw();
  });
  by("write").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = by("write").querySelector("button");
    const [user, session] = [by("user").value.trim(), by("session").value.trim()];
    const told = by("written");
    button.disabled = true;
    try {
      await queue.saved();
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

  new ResizeObserver(() => { if (queue.current?.bitmap && !by("work").hidden) draw(); }).observe(by("views"));
  queue.start();
})();
