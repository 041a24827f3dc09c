// What pages have in common on which a person answers one question after the other: who answers, what comes next with
// its picture on the way, answers that are saved in their order, taking back, keys.

const by = (id) => document.getElementById(id);

/** Ask the server; a body makes it a POST. Throws an error in the server's words. */
export async function ask(path, body) {
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

/** An error in words. */
export const words = (error) => (error instanceof TypeError ? "The server does not answer" : error.message);

/** A key press as `keys` names it. */
export const keyOf = (event) => (event.key.length === 1 ? event.key.toLowerCase() : event.key);

/**
 * Make the queue of a page, whose elements are `who` (a form with `annotator`), `me` with `name` and `change`,
 * `problem` with `retry`, `over`, `work`, `progress`, `far` and `undo`.
 *
 * page.base      address before `/api/next`, `/api/undo` and page.answering
 * page.answering path that answers go to
 * page.coming    (state) → items to come, as the server lists them
 * page.key       (item) → what tells it from others
 * page.picture   (item) → address of its picture
 * page.body      (item, said) → what an answer says besides annotator and seconds
 * page.canvas    element that counts in data-shown how many items were painted
 * page.clear     () → called before an item is waited for, also before none
 * page.paint     (item) → called when its picture is there, as item.bitmap
 * page.parts     ids of elements that are shown only while somebody works
 * page.started   () → called when somebody has begun
 * page.layout    (over, state) → what to show and hide; by default `over` or `work`
 * page.blocked   () → whether nothing may be answered now
 */
export function makeQueue(page) {
  const queue = { annotator: "", current: null, state: null };
  const base = page.base || "";
  let round = 0; // counts fresh starts: answers to an earlier one are ignored
  let waiting = []; // what comes next, its pictures on their way
  let known = new Set(); // what has been among them
  let shownAt = 0; // when the current item was painted; 0 while it is not
  let saving = Promise.resolve(); // answers go out one after the other
  let unsaved = 0;
  let undoing = false;

  const parts = ["work", "over", ...(page.parts || [])];
  const hide = (ids) => ids.forEach((id) => { by(id).hidden = true; });

  async function load(item) {
    const answer = await ask(base + page.picture(item));
    return createImageBitmap(await answer.blob());
  }

  function withPicture(item) {
    const loading = load(item);
    loading.catch(() => {}); // told when its turn comes
    return { ...item, loading };
  }

  function take(state) {
    queue.state = state;
    by("progress").max = Math.max(state.total, 1);
    by("progress").value = state.done;
    by("far").textContent = `${state.done} of ${state.total}`;
    for (const item of page.coming(state)) {
      if (known.has(page.key(item))) continue;
      known.add(page.key(item));
      waiting.push(withPicture(item));
    }
  }

  function fail(error) {
    queue.current = null;
    by("problem").firstElementChild.textContent = `${words(error)}. What was saved is kept; the rest is shown again.`;
    by("problem").hidden = false;
    hide(parts);
    by("retry").focus();
  }

  /** Do something that asks the server, in this round; what goes wrong is shown. */
  async function trying(action) {
    const mine = round;
    try {
      return await action(() => mine === round);
    } catch (error) {
      if (mine === round) fail(error);
      return undefined;
    }
  }

  queue.begin = () => {
    round += 1;
    [waiting, known, unsaved, saving, queue.current] = [[], new Set(), 0, Promise.resolve(), null];
    hide(["problem", "who", ...parts]);
    return trying(async (fresh) => {
      const state = await (await ask(`${base}/api/next?annotator=${encodeURIComponent(queue.annotator)}`)).json();
      if (!fresh()) return;
      by("name").textContent = queue.annotator;
      by("me").hidden = false;
      page.started?.();
      take(state);
      next();
    });
  };

  // ---- one item after the other
  function next() { show(waiting.shift() || null); }

  queue.layout = () => {
    const over = queue.current === null && unsaved === 0;
    if (page.layout) page.layout(over, queue.state);
    else {
      by("over").hidden = !over;
      by("work").hidden = over;
    }
  };

  function show(item) {
    [queue.current, shownAt] = [item, 0];
    page.clear?.();
    queue.layout();
    if (item === null) return;
    trying(async (fresh) => {
      const bitmap = await item.loading;
      if (!fresh() || queue.current !== item) return;
      item.bitmap = bitmap;
      page.paint(item);
      shownAt = performance.now();
      page.canvas.dataset.shown = Number(page.canvas.dataset.shown || 0) + 1;
    });
  }

  /** Whether the current item is painted. */
  queue.seen = () => queue.current !== null && shownAt > 0;

  queue.answer = (said) => {
    if (!queue.seen() || undoing || page.blocked?.()) return;
    const [mine, item] = [round, queue.current];
    const seconds = (performance.now() - shownAt) / 1000;
    const body = { annotator: queue.annotator, seconds, ...page.body(item, said) };
    unsaved += 1;
    saving = saving.then(() => ask(base + page.answering, body)).then((answer) => answer.json()).then((state) => {
      if (mine !== round) return;
      unsaved -= 1;
      take(state);
      if (queue.current === null) next();
    }).catch((error) => { if (mine === round) { round += 1; fail(error); } });
    next();
  };

  /** Wait until all is saved; whether nobody began anew in the meantime. */
  queue.saved = async () => {
    const mine = round;
    await saving;
    return mine === round;
  };

  queue.undo = async () => {
    if (undoing) return;
    undoing = true;
    await trying(async (fresh) => {
      await saving;
      if (!fresh()) return;
      const state = await (await ask(`${base}/api/undo`, { annotator: queue.annotator })).json();
      if (!fresh() || !state.undone) return;
      page.undone?.();
      if (queue.current) waiting.unshift(queue.current);
      known.add(page.key(state.undone));
      take(state);
      show(withPicture(state.undone));
    });
    undoing = false;
  };

  queue.trying = trying;

  /** Bind keys, `{key: action}`; those in `repeating` act again while they are held. */
  queue.bind = (keys, repeating = "") => {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !by("who").hidden || !by("problem").hidden) return;
      if (event.target.matches?.("input[type=text], input[type=search], textarea, select")) return;
      const key = keyOf(event);
      const action = Object.hasOwn(keys, key) && keys[key];
      if (!action) return;
      event.preventDefault(); // space would press the button that was clicked last
      if (!event.repeat || repeating.includes(key)) action();
    });
  };

  /** Ask who it is, or begin where the page knows. Called last. */
  queue.start = () => {
    by("undo").addEventListener("click", queue.undo);
    by("retry").addEventListener("click", queue.begin);
    by("change").addEventListener("click", (event) => {
      event.preventDefault();
      round += 1;
      [queue.current, waiting] = [null, []];
      hide(["problem", "me", ...parts]);
      by("who").hidden = false;
      by("annotator").value = "";
      by("annotator").focus();
    });
    by("who").addEventListener("submit", (event) => {
      event.preventDefault();
      queue.annotator = by("annotator").value.trim();
      if (queue.annotator) queue.begin();
    });
    const known = by("who").dataset.annotator;
    by("annotator").value ||= known; // somebody may have typed before the script came
    by("who").querySelector("button").disabled = false;
    if (known && by("annotator").value === known && by("who").matches(":valid")) by("who").requestSubmit();
    else by("annotator").focus();
  };

  return queue;
}
