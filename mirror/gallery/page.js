"use strict";
// The list filters, the hash chooses: `gallery.html#61` opens session 61. Text is only ever cloned, never parsed.
const byId = (id) => document.getElementById(id);
const reader = byId("reader"), query = byId("query"), found = byId("found");
const items = [...byId("list").children];
const templates = new Map([...document.querySelectorAll("template")].map((one) => [one.dataset.idx, one]));
const texts = new Map();
let outcome = "", onlyExhausted = false, onlyFlagged = false;

function textOf(idx) {
  if (!texts.has(idx)) texts.set(idx, templates.get(idx).content.textContent.replace(/\s+/g, " ").toLowerCase());
  return texts.get(idx);
}

function filter() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const item of items) {
    const {idx, outcome: ended, exhausted, flagged} = item.dataset;
    item.hidden = (outcome && ended !== outcome) || (onlyExhausted && exhausted === "0")
      || (onlyFlagged && flagged === undefined)
      || !words.every((word) => textOf(idx).includes(word));
    shown += !item.hidden;
  }
  found.textContent = shown === items.length ? "" : shown ? `${shown} of ${items.length} sessions` : "No session fits.";
  highlight(words);
}

function highlight(words) {
  if (!("highlights" in CSS)) return;
  CSS.highlights.clear();
  if (!words.length) return;
  const ranges = [], walker = document.createTreeWalker(reader, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.toLowerCase();
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, Math.min(at + word.length, node.data.length));
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

function step(from, by) {
  const shown = items.filter((item) => !item.hidden), at = shown.findIndex((item) => item.dataset.idx === from);
  return shown[at + by]?.dataset.idx;
}

function chosen() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function open() {
  let idx = chosen();
  if (!templates.has(idx)) idx = matchMedia("(min-width: 800px)").matches && !location.hash ? items[0]?.dataset.idx : "";
  document.body.classList.toggle("reading", Boolean(idx) && Boolean(location.hash));
  for (const item of items) item.toggleAttribute("aria-current", item.dataset.idx === idx);
  if (!idx) return;
  reader.replaceChildren(templates.get(idx).content.cloneNode(true));
  reader.dataset.idx = idx;
  const film = reader.querySelector(".film");
  for (const face of reader.querySelectorAll("img.face")) {
    const turn = face.closest(".turn"), small = document.createElement("button");
    small.type = "button";
    small.title = `turn ${turn.dataset.turn}`;
    const copy = face.cloneNode();
    copy.classList.remove("face");
    small.append(copy);
    small.addEventListener("click", () => turn.scrollIntoView({behavior: "smooth", block: "center"}));
    film.append(small);
  }
  for (const [name, by] of [["previous", -1], ["next", 1]]) {
    const to = step(idx, by), link = reader.querySelector(`a.${name}`);
    if (to) link.href = `#${encodeURIComponent(to)}`;
  }
  reader.scrollTop = 0;
  if (document.body.classList.contains("reading")) scrollTo(0, 0);
  const current = items.find((item) => item.dataset.idx === idx);
  if (current && !current.hidden) current.scrollIntoView({block: "nearest"});
  highlight(query.value.toLowerCase().split(/\s+/).filter(Boolean));
}

for (const button of document.querySelectorAll("button[data-outcome]")) {
  button.addEventListener("click", () => {
    outcome = button.dataset.outcome;
    for (const one of document.querySelectorAll("button[data-outcome]")) one.ariaPressed = String(one === button);
    filter();
  });
}
byId("exhausted")?.addEventListener("click", (event) => {
  onlyExhausted = !onlyExhausted;
  event.currentTarget.ariaPressed = String(onlyExhausted);
  filter();
});
byId("flagged")?.addEventListener("click", (event) => {
  onlyFlagged = !onlyFlagged;
  event.currentTarget.ariaPressed = String(onlyFlagged);
  filter();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
query.addEventListener("input", filter);
addEventListener("hashchange", open);
addEventListener("keydown", (event) => {
  if (event.target.closest("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    query.focus();
  }
  const to = {j: 1, k: -1}[event.key] && step(reader.dataset.idx, {j: 1, k: -1}[event.key]);
  if (to) location.hash = encodeURIComponent(to);
});
// A session's picture in the list is its first face; it is fetched when its place comes into view.
const watcher = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    const face = templates.get(target.dataset.idx).content.querySelector("img.face");
    if (face) target.querySelector("img").src = face.src;
  }
});
for (const item of items) watcher.observe(item);
open();
