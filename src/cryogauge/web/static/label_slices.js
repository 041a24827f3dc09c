"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const [view, picture, ruler] = [by("view"), by("picture"), by("ruler")];
  const buttons = [...by("legend").querySelectorAll("button")];
  const MOST_ZOOM = 32;
  const DEFAULT_MEASURED = by("measured").textContent;

  let annotator = "";
  let round = 0; // counts fresh starts: answers to an earlier one are ignored
  let queue = []; // what comes next, its pictures on their way
  let known = new Set(); // what has been in the queue
  let current = null;
  let shownAt = 0; // when the current slice was painted; 0 while it is not
  let saving = Promise.resolve(); // labels go out one after the other
  let unsaved = 0;
  let undoing = false;
  let scale = 1, left = 0, top = 0; // device pixels a pixel of the slice, and where its corner is
  let fitted = true;
  let size = ""; // of the slice that the view was made for
  let line = null; // the measurement: {x0, y0, x1, y1} in pixels of the slice

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

  async function load(slice) {
    const answer = await ask(`/api/slices/${slice}.png`);
    return createImageBitmap(await answer.blob());
  }

  function take(state) {
    by("progress").max = Math.max(state.total, 1);
    by("progress").value = state.done;
    by("far").textContent = `${state.done} of ${state.total}`;
    for (const showing of state.showings) {
      const key = `${showing.slice} ${showing.repeat}`;
      if (known.has(key)) continue;
      known.add(key);
      const image = load(showing.slice);
      image.catch(() => {}); // told when its turn comes
      queue.push({ ...showing, image });
    }
  }

  function fail(error) {
    current = null;
    const lost = error instanceof TypeError ? "The server does not answer" : error.message;
    by("problem").firstElementChild.textContent = `${lost}. What was saved is kept; the rest is shown again.`;
    by("problem").hidden = false;
    by("work").hidden = by("over").hidden = true;
    by("retry").focus();
  }

  async function begin() {
    const mine = ++round;
    [queue, known, current, unsaved, line, saving] = [[], new Set(), null, 0, null, Promise.resolve()];
    for (const id of ["problem", "over", "work", "who"]) by(id).hidden = true;
    try {
      const answer = await ask(`/api/next?annotator=${encodeURIComponent(annotator)}`);
      const state = await answer.json();
      if (mine !== round) return;
      by("name").textContent = annotator;
      by("me").hidden = false;
      take(state);
      next();
    } catch (error) { if (mine === round) fail(error); }
  }

  // ---- one slice after the other
  function next() { show(queue.shift() || null); }

  async function show(item) {
    const mine = round;
    [current, shownAt, line] = [item, 0, null];
    tellMeasured();
    by("over").hidden = item !== null || unsaved > 0;
    by("work").hidden = item === null && unsaved === 0;
    if (item === null) return;
    try {
      const image = await item.image;
      if (mine !== round || current !== item) return;
      if (size !== `${image.width} ${image.height}`) {
        size = `${image.width} ${image.height}`;
        fitted = true;
      }
      item.bitmap = image;
      if (fitted) fit();
      legendInNm();
      draw();
      shownAt = performance.now();
      view.dataset.shown = Number(view.dataset.shown || 0) + 1;
    } catch (error) { if (mine === round) fail(error); }
  }

  function label(category) {
    if (!current || !shownAt || undoing) return;
    const [mine, item] = [round, current];
    const said = {
      annotator, slice: item.slice, repeat: item.repeat, category,
      width_px: line ? width() : null, seconds: (performance.now() - shownAt) / 1000,
    };
    unsaved += 1;
    saving = saving.then(() => ask("/api/label", said)).then((answer) => answer.json()).then((state) => {
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
      if (mine !== round) return;
      if (state.undone) {
        if (current) queue.unshift(current);
        known.add(`${state.undone.slice} ${state.undone.repeat}`);
        take(state);
        show({ ...state.undone, image: load(state.undone.slice) });
      }
    } catch (error) { if (mine === round) fail(error); } finally { undoing = false; }
  }

  // ---- measuring
  const width = () => Math.hypot(line.x1 - line.x0, line.y1 - line.y0);
  const categoryOf = (px) => buttons.reduce((best, button) => {
    const number = Number(button.dataset.category);
    return number > 0 && (number === 1 || px < Number(button.dataset.below)) ? Math.max(best, number) : best;
  }, 1);
  const suggested = () => (line && width() > 0 ? categoryOf(width()) : null);

  function tellMeasured() {
    const category = suggested();
    const told = by("measured");
    told.classList.toggle("some", category !== null);
    buttons.forEach((button) => button.classList.toggle("meant", Number(button.dataset.category) === category));
    by("accept").disabled = category === null;
    if (category === null) {
      told.textContent = DEFAULT_MEASURED;
      return;
    }
    const bold = document.createElement("b");
    bold.textContent = `${width().toFixed(1)} px · ${(width() * current.pixel_size_A / 10).toFixed(2)} nm`;
    told.replaceChildren(bold, document.createElement("br"),
      `${category}: ${buttons[category].querySelector("span").textContent}`);
  }

  function legendInNm() {
    const nm = (px) => (px * current.pixel_size_A / 10).toPrecision(2);
    const spans = { 1: `≥ ${nm(6)} nm`, 2: `${nm(4)}–${nm(5)} nm`, 3: `${nm(3)} nm`, 4: `${nm(2)} nm`, 5: `${nm(1)} nm` };
    buttons.forEach((button) => { button.querySelector("small").textContent = spans[button.dataset.category] || ""; });
  }

  // ---- seeing: the slice is never resampled but by the zoom that is shown
  function resize() {
    const ratio = window.devicePixelRatio || 1;
    const box = view.getBoundingClientRect();
    for (const canvas of [picture, ruler]) {
      canvas.width = Math.max(1, Math.round(box.width * ratio));
      canvas.height = Math.max(1, Math.round(box.height * ratio));
    }
    if (current && current.bitmap) {
      if (fitted) fit();
      draw();
    }
  }

  function fit() {
    const { width: w, height: h } = current.bitmap;
    const whole = Math.min(picture.width / w, picture.height / h);
    scale = whole >= 1 ? Math.min(Math.floor(whole), MOST_ZOOM) : whole;
    left = Math.round((picture.width - w * scale) / 2);
    top = Math.round((picture.height - h * scale) / 2);
    fitted = true;
  }

  function zoomTo(wanted, x, y) {
    const fixed = Math.min(Math.max(wanted, 0.05), MOST_ZOOM);
    left = Math.round(x - (x - left) * fixed / scale);
    top = Math.round(y - (y - top) * fixed / scale);
    scale = fixed;
    fitted = false;
    draw();
  }

  function toggleZoom() {
    if (!current || !current.bitmap) return;
    const { x, y } = pointer || { x: picture.width / 2, y: picture.height / 2 };
    if (fitted) zoomTo(scale < 1 ? 1 : Math.min(2 * scale, MOST_ZOOM), x, y);
    else { fit(); draw(); }
  }

  function draw() {
    const pen = picture.getContext("2d");
    pen.clearRect(0, 0, picture.width, picture.height);
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = "high";
    const { bitmap } = current;
    pen.drawImage(bitmap, left, top, bitmap.width * scale, bitmap.height * scale);
    by("zoom").textContent = `${Math.round(100 * scale)} %${scale < 1 ? ": Z shows every pixel" : ""}`;
    by("zoom").classList.toggle("reduced", scale < 1);
    drawRuler();
  }

  function drawRuler() {
    const pen = ruler.getContext("2d");
    pen.clearRect(0, 0, ruler.width, ruler.height);
    if (!line) return;
    const [x0, y0, x1, y1] = [line.x0 * scale + left, line.y0 * scale + top, line.x1 * scale + left, line.y1 * scale + top];
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [dx, dy] = [-(y1 - y0) / length * 7, (x1 - x0) / length * 7];
    for (const [colour, thick] of [["rgb(0 0 0/.7)", 4], ["#ffb000", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      for (const [x, y] of [[x0, y0], [x1, y1]]) {
        pen.moveTo(x - dx, y - dy);
        pen.lineTo(x + dx, y + dy);
      }
      pen.moveTo(x0, y0);
      pen.lineTo(x1, y1);
      pen.stroke();
    }
  }

  const contrast = by("contrast");
  function setContrast(value) {
    contrast.value = value;
    by("contrast-value").textContent = Number(contrast.value).toFixed(1);
    picture.style.filter = `contrast(${contrast.value})`;
  }

  // ---- pointer
  let pointer = null; // null while it is elsewhere
  let dragging = null;
  const place = (event) => {
    const box = view.getBoundingClientRect();
    return { x: (event.clientX - box.left) * picture.width / box.width, y: (event.clientY - box.top) * picture.height / box.height };
  };
  const inSlice = ({ x, y }) => ({ x: (x - left) / scale, y: (y - top) / scale });

  view.addEventListener("pointerdown", (event) => {
    if (!current || !shownAt) return;
    const at = place(event);
    const moves = event.button !== 0 || event.shiftKey;
    dragging = { moves, x: at.x, y: at.y };
    view.setPointerCapture(event.pointerId);
    view.classList.toggle("panning", moves);
    if (!moves) {
      const { x, y } = inSlice(at);
      line = { x0: x, y0: y, x1: x, y1: y };
    }
    view.focus({ preventScroll: true });
    event.preventDefault();
  });
  view.addEventListener("pointermove", (event) => {
    pointer = place(event);
    if (!dragging || !current || !shownAt) return;
    if (dragging.moves) {
      left += pointer.x - dragging.x;
      top += pointer.y - dragging.y;
      [dragging.x, dragging.y, fitted] = [pointer.x, pointer.y, false];
      draw();
    } else if (line) {
      const { x, y } = inSlice(pointer);
      [line.x1, line.y1] = [x, y];
      drawRuler();
      tellMeasured();
    }
  });
  const release = () => {
    if (dragging && !dragging.moves && line && width() < 0.3) dropMeasurement();
    dragging = null;
    view.classList.remove("panning");
  };
  view.addEventListener("pointerleave", () => { pointer = null; });
  view.addEventListener("pointerup", release);
  view.addEventListener("pointercancel", release);
  view.addEventListener("contextmenu", (event) => event.preventDefault());
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!current || !current.bitmap) return;
    const at = place(event);
    zoomTo(scale * Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.0025), at.x, at.y);
  }, { passive: false });

  function dropMeasurement() {
    line = null;
    drawRuler();
    tellMeasured();
  }

  // ---- keys and buttons
  const accept = () => { if (suggested() !== null) label(suggested()); };
  const keys = {
    " ": accept, u: undo, z: toggleZoom, Escape: dropMeasurement,
    "+": () => setContrast(Number(contrast.value) + 0.25), "=": () => setContrast(Number(contrast.value) + 0.25),
    "-": () => setContrast(Number(contrast.value) - 0.25),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !by("who").hidden || !by("problem").hidden) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = /^[0-5]$/.test(key) ? () => label(Number(key)) : keys[key];
    if (!action) return;
    event.preventDefault(); // space would press the button that was clicked last
    if (!event.repeat || "+-=".includes(key)) action();
  });
  buttons.forEach((button) => button.addEventListener("click", () => label(Number(button.dataset.category))));
  by("accept").addEventListener("click", accept);
  by("undo").addEventListener("click", undo);
  by("toggle").addEventListener("click", toggleZoom);
  by("retry").addEventListener("click", begin);
  contrast.addEventListener("input", () => setContrast(contrast.value));

  // ---- who labels
  by("change").addEventListener("click", (event) => {
    event.preventDefault();
    round += 1;
    [current, queue] = [null, []];
    for (const id of ["problem", "over", "work", "me"]) by(id).hidden = true;
    by("who").hidden = false;
    by("annotator").value = "";
    by("annotator").focus();
  });
  by("who").addEventListener("submit", (event) => {
    event.preventDefault();
    annotator = by("annotator").value.trim();
    if (annotator) begin();
  });

  new ResizeObserver(resize).observe(view);
  by("annotator").value = by("who").dataset.annotator;
  if (by("annotator").value) by("who").requestSubmit();
  else by("annotator").focus();
})();
