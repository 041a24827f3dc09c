import { makeQueue } from "./queue.js";

(() => {
  const by = (id) => document.getElementById(id);
  const [view, picture] = [by("view"), by("picture")];
  const buttons = [...by("legend").querySelectorAll("button")];

  const queue = makeQueue({
    base: by("who").dataset.base,
    answering: "/api/label",
    coming: (state) => state.showings,
    key: (item) => `${item.image} ${item.repeat}`,
    picture: (item) => `/api/images/${item.image}.png`,
    body: (item, grade) => ({ image: item.image, repeat: item.repeat, grade, agreed: by("agreed")?.checked ?? false }),
    canvas: view,
    paint: () => { draw(); showExamples(); },
  });

  /** Not before the first average is there: the server may have to make them. */
  function showExamples() {
    document.querySelectorAll("img[data-source]").forEach((image) => {
      image.src = image.dataset.source;
      delete image.dataset.source;
    });
  }

  function draw() {
    const { bitmap, pixel_size_A: pixel } = queue.current;
    const box = view.getBoundingClientRect();
    const size = Math.max(1, Math.round(Math.min(box.width, box.height) * (window.devicePixelRatio || 1)));
    [picture.width, picture.height] = [size, size];
    const pen = picture.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, 0, 0, size, size);
    if (pixel) bar(pen, size, bitmap.width * pixel / 10);
  }

  /** A scale bar of about a fifth of the box, whose edge is given in nm. */
  function bar(pen, size, box) {
    const nm = [100, 50, 20, 10, 5, 2, 1].find((each) => each <= box / 4) || 1;
    const [length, unit] = [nm / box * size, size / 600];
    const [x, y] = [size - 16 * unit - length, size - 18 * unit];
    pen.fillStyle = "rgb(0 0 0/.6)";
    pen.fillRect(x - 8 * unit, y - 22 * unit, length + 16 * unit, 32 * unit);
    pen.fillStyle = "#fff";
    pen.fillRect(x, y, length, 3 * unit);
    pen.font = `${13 * unit}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.fillText(`${nm} nm`, x + length / 2, y - 7 * unit);
  }

  const keys = { u: queue.undo };
  for (const button of buttons) {
    const grade = () => queue.answer(Number(button.dataset.grade));
    keys[button.dataset.grade] = keys[button.dataset.letter.toLowerCase()] = grade;
    button.addEventListener("click", grade);
  }
  queue.bind(keys);

  new ResizeObserver(() => { if (queue.current?.bitmap) draw(); }).observe(view);
  queue.start();
})();
