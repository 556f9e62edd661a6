// The live log of a job. Everything else works without a line of JavaScript.
"use strict";

const MOST = 2000; // lines that the page holds; earlier ones are a link away

function follow(log) {
  const panel = log.closest("[data-live]");
  const badge = document.getElementById("job-state");
  const earlier = document.getElementById("log-earlier");
  const source = new EventSource(`${log.dataset.stream}?after=${encodeURIComponent(log.dataset.last)}`);
  let waiting = []; // lines that came since the page was last drawn

  function draw() {
    const readsTheEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.insertAdjacentHTML("beforeend", waiting.join(""));
    waiting = [];
    if (log.children.length > MOST) forget(log.children.length - MOST);
    if (readsTheEnd) log.scrollTop = log.scrollHeight;
  }
  function forget(many) {
    const range = document.createRange();
    range.setStartBefore(log.firstElementChild);
    range.setEndAfter(log.children[many - 1]);
    range.deleteContents();
    const link = earlier.querySelector("a");
    link.search = `?before=${log.firstElementChild.id}`;
    earlier.hidden = false;
  }

  source.addEventListener("open", () => { panel.dataset.live = "connected"; });
  source.addEventListener("error", () => { panel.dataset.live = "waiting"; }); // the browser reconnects by itself

  source.addEventListener("log", (event) => {
    if (waiting.push(event.data) === 1) setTimeout(draw, 50); // many lines at once are drawn together
  });
  source.addEventListener("state", (event) => { badge.innerHTML = event.data; });
  source.addEventListener("end", () => {
    source.close();
    draw();
    panel.dataset.live = "ended";
    document.body.dispatchEvent(new Event("job-ended"));
  });
}

const log = document.getElementById("log");
if (log && !log.querySelector(":target")) log.scrollTop = log.scrollHeight;
if (log?.dataset.stream) follow(log);
