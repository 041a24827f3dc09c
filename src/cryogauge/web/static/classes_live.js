// A page that shows itself anew when what it waits for has changed, and asks before something is deleted.

(() => {
  const live = document.getElementById("live");
  const log = document.getElementById("log");

  async function look() {
    try {
      const answer = await fetch(live.dataset.address);
      if (!answer.ok) throw new Error(answer.statusText);
      const told = await answer.json();
      if (told.state !== live.dataset.state) return location.reload();
      if (log && told.log !== log.textContent) {
        log.textContent = told.log;
        log.scrollTop = log.scrollHeight;
      }
    } catch { /* it may come back */ }
    setTimeout(look, 2000);
  }

  if (live) setTimeout(look, 1000);
  if (log) log.scrollTop = log.scrollHeight;
  document.querySelectorAll("form[data-sure]").forEach((form) => {
    form.addEventListener("submit", (event) => { if (!confirm(form.dataset.sure)) event.preventDefault(); });
    form.querySelector("button").disabled = false; // not before it asks
  });
})();
