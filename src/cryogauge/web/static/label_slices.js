import { makeQueue } from "./queue.js";

(() => {
  const by = (id) => document.getElementById(id);
  const [view, picture, ruler] = [by("view"), by("picture"), by("ruler")];
  const buttons = [...by("legend").querySelectorAll("button")];
  const MOST_ZOOM = 32;
  const DEFAULT_MEASURED = by("measured").textContent;

  let scale = 1, left = 0, top = 0; // device pixels a pixel of the slice, and where its corner is
  let fitted = true;
  let size = ""; // of the slice that the view was made for
  let line = null; // the measurement: {x0, y0, x1, y1} in pixels of the slice

  const queue = makeQueue({
    answering: "/api/label",
    coming: (state) => state.showings,
    key: (item) => `${item.slice} ${item.repeat}`,
    picture: (item) => `/api/slices/${item.slice}.png`,
    body: (item, category) => ({ slice: item.slice, repeat: item.repeat, category, width_px: line ? width() : null }),
    canvas: view,
    clear: () => { line = null; tellMeasured(); },
    paint: ({ bitmap }) => {
      if (size !== `${bitmap.width} ${bitmap.height}`) {
        size = `${bitmap.width} ${bitmap.height}`;
        fitted = true;
      }
      if (fitted) fit();
      legendInNm();
      draw();
    },
  });

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
    bold.textContent = `${width().toFixed(1)} px · ${(width() * queue.current.pixel_size_A / 10).toFixed(2)} nm`;
    told.replaceChildren(bold, document.createElement("br"),
      `${category}: ${buttons[category].querySelector("span").textContent}`);
  }

  function legendInNm() {
    const nm = (px) => (px * queue.current.pixel_size_A / 10).toPrecision(2);
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
    if (queue.current?.bitmap) {
      if (fitted) fit();
      draw();
    }
  }

  function fit() {
    const { width: w, height: h } = queue.current.bitmap;
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
    if (!queue.current?.bitmap) return;
    const { x, y } = pointer || { x: picture.width / 2, y: picture.height / 2 };
    if (fitted) zoomTo(scale < 1 ? 1 : Math.min(2 * scale, MOST_ZOOM), x, y);
    else { fit(); draw(); }
  }

  function draw() {
    const pen = picture.getContext("2d");
    pen.clearRect(0, 0, picture.width, picture.height);
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = "high";
    const { bitmap } = queue.current;
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
    if (!queue.seen()) return;
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
    if (!dragging || !queue.seen()) return;
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
    if (!queue.current?.bitmap) return;
    const at = place(event);
    zoomTo(scale * Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.0025), at.x, at.y);
  }, { passive: false });

  function dropMeasurement() {
    line = null;
    drawRuler();
    tellMeasured();
  }

  // ---- keys and buttons
  const accept = () => { if (suggested() !== null) queue.answer(suggested()); };
  queue.bind({
    ...Object.fromEntries(buttons.map(({ dataset }) => [dataset.category, () => queue.answer(Number(dataset.category))])),
    " ": accept, u: queue.undo, z: toggleZoom, Escape: dropMeasurement,
    "+": () => setContrast(Number(contrast.value) + 0.25), "=": () => setContrast(Number(contrast.value) + 0.25),
    "-": () => setContrast(Number(contrast.value) - 0.25),
  }, "+-=");
  buttons.forEach((button) => button.addEventListener("click", () => queue.answer(Number(button.dataset.category))));
  by("accept").addEventListener("click", accept);
  by("toggle").addEventListener("click", toggleZoom);
  contrast.addEventListener("input", () => setContrast(contrast.value));

  new ResizeObserver(resize).observe(view);
  queue.start();
})();
