import { ask, words } from "./queue.js";

(() => {
  const by = (id) => document.getElementById(id);
  const form = by("send");
  const button = form.querySelector("button");
  const told = by("sending");

  function say(kind, ...parts) {
    const notice = document.createElement("div");
    notice.className = `notice ${kind}`;
    notice.append(...parts);
    told.replaceChildren(notice);
  }

  /** Send a file, telling how far it is; fetch cannot tell. */
  const put = (address, file, far) => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => far(event.loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) return done();
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* plain text */ }
      const said = answer.message || request.responseText.trim() || request.statusText;
      failed(new Error(request.status === 413 ? `${file.name} is too large: ${said}` : [said, answer.hint].filter(Boolean).join("; ")));
    });
    // A browser gives up on a file that was changed after it was chosen, as on a server that is away.
    request.addEventListener("error", () => failed(new Error("The server does not answer, or the file has changed: choose it again")));
    request.send(file);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const files = [...by("files").files];
    if (files.length > Number(form.dataset.files)) {
      say("fail", `At most ${form.dataset.files} files are taken: those of the last iteration.`);
      return;
    }
    const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
    const bar = document.createElement("progress");
    const text = document.createElement("span");
    button.disabled = true;
    say("", bar, " ", text);
    let before = 0;
    try {
      const pixel = by("pixel").value ? Number(by("pixel").value) : null;
      const { id } = await (await ask("/classes/api/jobs", { name: by("job-name").value, pixel_size_A: pixel })).json();
      for (const file of files) {
        text.textContent = file.name;
        await put(`/classes/api/jobs/${id}/files/${encodeURIComponent(file.name)}`, file, (loaded) => { bar.value = (before + loaded) / total; });
        before += file.size;
      }
      text.textContent = "looking at the files";
      await ask(`/classes/api/jobs/${id}/done`, {});
      location.assign(`/classes/jobs/${id}`);
    } catch (error) {
      say("fail", `${words(error)}.`);
    } finally { button.disabled = false; }
  });
  button.disabled = false; // without this script it would send nothing
})();
