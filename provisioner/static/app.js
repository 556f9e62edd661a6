// The live log of a job. Everything else works without a line of JavaScript.
"use strict";

function follow(log) {
  const panel = log.closest("[data-live]");
  const badge = document.getElementById("job-state");
  const source = new EventSource(`${log.dataset.stream}?after=${encodeURIComponent(log.dataset.last)}`);

  source.addEventListener("open", () => { panel.dataset.live = "connected"; });
  source.addEventListener("error", () => { panel.dataset.live = "waiting"; }); // the browser reconnects by itself

  source.addEventListener("log", (event) => {
    const readsTheEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.insertAdjacentHTML("beforeend", event.data);
    if (readsTheEnd) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("state", (event) => { badge.innerHTML = event.data; });
  source.addEventListener("end", () => {
    source.close();
    panel.dataset.live = "ended";
    document.body.dispatchEvent(new Event("job-ended"));
  });
}

const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
if (log?.dataset.stream) follow(log);
