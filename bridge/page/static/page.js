// What this adds to pages that work without it: times in the reader's zone, news as they come, a shorter way to the search.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  const two = (n) => String(n).padStart(2, "0");

  // A time of today is told without its day; any other as 2026-11-21 06:31, which every reader understands.
  function tellTimes(root) {
    const today = new Date().toDateString();
    for (const t of root.querySelectorAll("time[datetime]")) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      const clock = two(at.getHours()) + ":" + two(at.getMinutes());
      const day = at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate());
      const parts = (at.toDateString() === today ? [clock] : [day, clock]).map((text) => {
        const part = document.createElement("span");
        part.textContent = text;
        return part;
      });
      t.replaceChildren(...parts.flatMap((part, i) => (i ? [" ", part] : [part])));
    }
  }
  tellTimes(document);

  document.addEventListener("keydown", (e) => {
    const box = document.querySelector(".find input");
    if (e.key === "/" && box && !e.ctrlKey && !e.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      box.focus();
      box.select();
    }
  });

  if (!("live" in document.body.dataset) || !window.EventSource) return;
  const lamp = document.querySelector(".live");
  function shine(on) {
    if (!lamp) return;
    lamp.hidden = false;
    lamp.toggleAttribute("data-on", on);
    lamp.textContent = on ? lamp.dataset.wordOn : lamp.dataset.wordOff;
  }

  // News: the page is read once more, and its sections take the places of those that differ. Nothing is taken from under the reader's hands.
  let waiting = null, reading = false, again = false;
  function soon() {
    if (reading) { again = true; return; }
    if (!waiting) waiting = setTimeout(read, 200 + Math.random() * 1500);
  }
  async function read() {
    waiting = null;
    if (document.hidden) { again = true; return; }
    reading = true;
    try {
      const answer = await fetch(location.pathname + location.search.replace(/([?&])did=[^&]*&?/, "$1"), { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        tellTimes(fresh);
        for (const now of fresh.querySelectorAll("main > section[id]")) {
          const was = document.getElementById(now.id);
          if (!was || was.innerHTML === now.innerHTML || was.contains(document.activeElement) || was.querySelector("details[open]")) continue;
          was.className = now.className;
          was.innerHTML = now.innerHTML;
        }
      }
    } catch (e) { /* the next news try again */ }
    reading = false;
    if (again) { again = false; soon(); }
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; soon(); } });

  const source = new EventSource("/events");
  source.addEventListener("open", () => shine(true));
  source.addEventListener("error", () => shine(false));
  source.addEventListener("news", soon);
  const paces = new Map();
  source.addEventListener("progress", (e) => {
    const p = JSON.parse(e.data);
    const box = [...document.querySelectorAll(".progress")].find((b) => b.dataset.feed === p.feed);
    if (!box || box.dataset.file !== p.file) {
      if (document.getElementById("loading")) soon();
      return;
    }
    const bar = box.querySelector("progress"), how = box.querySelector(".how");
    if (p.total > 0) { bar.max = p.total; bar.value = p.done; }
    const now = performance.now();
    let pace = paces.get(p.feed);
    if (!pace || pace.file !== p.file || pace.phase !== p.phase || p.done < pace.from) {
      pace = { file: p.file, phase: p.phase, from: p.done, at: now };
      paces.set(p.feed, pace);
    }
    const number = (n) => Math.round(n).toLocaleString(lang);
    let text = p.phase + " " + number(p.done) + (p.total > 0 ? " / " + number(p.total) : "");
    if (now - pace.at > 1500 && p.done > pace.from) text += " · " + number((p.done - pace.from) * 1000 / (now - pace.at)) + " /s";
    if (how) how.textContent = text;
  });
})();
