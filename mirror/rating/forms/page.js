"use strict";
// One part (a session, or one turn of it) is shown at a time; the hash names it: `#K7QF`, `#K7QF.3`. Texts are only ever
// set as text. Answers are stored at every change; of two answers to one item, the later one counts.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const parts = data.sessions.flatMap((session, place) => session.parts.map((turn) => (
  {session, place, turn, key: turn === null ? session.code : `${session.code}.${turn}`})));
const byKey = new Map(parts.map((part) => [part.key, part]));
const store = `rating-form-${data.form}`, total = parts.length * data.items.length;
const unit = parts.some(({turn}) => turn !== null) ? "turns" : "sessions";
const state = {answers: {}, comments: {}, place: ""}; // by part: by item {value, at}, value null if taken back; {text, at}
let current = null, shown = null, item = 0;

// The state ----------------------------------------------------------------------------------------------------------

const now = () => new Date().toISOString();
const answered = (part) => data.items.filter(({id}) => (state.answers[part.key]?.[id]?.value ?? null) !== null);
const missing = (part) => data.items.filter((one) => !answered(part).includes(one));
const nameOf = ({text}, place) => {
  const first = text.split(/[.:?]/)[0];
  return first.length <= 40 ? first : `item ${place + 1}`;
};
const names = (items) => items.map((one) => nameOf(one, data.items.indexOf(one))).join(", ");

function merge(other) {
  for (const [key, items] of Object.entries(other?.answers ?? {})) {
    if (!byKey.has(key)) continue;
    const own = state.answers[key] ??= {};
    for (const {id} of data.items) {
      const {value = null, at = ""} = items[id] ?? {};
      const fits = value === null || data.values.includes(value);
      if (items[id] && fits && (!own[id] || at > own[id].at)) own[id] = {value, at};
    }
  }
  for (const [key, {text, at}] of Object.entries(other?.comments ?? {})) {
    if (byKey.has(key) && (!state.comments[key] || at > state.comments[key].at)) state.comments[key] = {text, at};
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(store) ?? "{}");
  } catch {
    return {};
  }
}

function save() {
  merge(read()); // another tab may have the same form open
  try {
    localStorage.setItem(store, JSON.stringify(state)); // at once, for other tabs; on disk some seconds later
    isInStorage = true;
  } catch {
    isInStorage = false;
    byId("saved").textContent = "";
    addEventListener("beforeunload", ask);
  }
  keepInDatabase();
  count();
}

function kept() {
  removeEventListener("beforeunload", ask);
  byId("saved").textContent = "· kept in this browser";
}

// The browser's database is on disk at once, and has room where the storage is full. Null where there is none.
const database = new Promise((done) => {
  try {
    const opening = indexedDB.open("rating-forms", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("states");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => done(null);
  } catch {
    done(null);
  }
});

async function inDatabase(mode, act) {
  const opened = await database;
  return new Promise((done) => {
    try {
      const transaction = opened.transaction("states", mode, {durability: "strict"}); // complete is then on disk
      const asked = act(transaction.objectStore("states"));
      transaction.oncomplete = () => done({value: asked.result});
      transaction.onerror = transaction.onabort = () => done(null);
    } catch {
      done(null);
    }
  });
}

let isInStorage = true, isWriting = false, isChanged = false; // what changes during one writing is written after it

async function keepInDatabase() {
  isChanged = true;
  byId("saved").ariaBusy = true;
  if (isWriting) return;
  isWriting = true;
  let written = null;
  while (isChanged) {
    isChanged = false;
    written = await inDatabase("readwrite", (states) => states.put(state, store));
  }
  isWriting = false;
  byId("saved").ariaBusy = false;
  if (written || isInStorage) return kept();
  tell("This browser does not keep your answers. Before you close the form, save them as a file (Overview).");
}

async function readDatabase() {
  const found = await inDatabase("readonly", (states) => states.get(store));
  if (!found?.value) return;
  merge(found.value);
  state.place = byKey.has(state.place) ? state.place : byKey.has(found.value.place) ? found.value.place : "";
  count();
  if (!current) return show(true);
  mark();
  byId("comment").value = state.comments[current.key]?.text ?? "";
}

function ask(event) {
  event.preventDefault(); // the browser asks whether to leave
}

function tell(words) {
  byId("trouble").hidden = !words;
  byId("trouble").textContent = words;
}

function say(words) {
  byId("done").textContent = words;
}

function rate(id, value) {
  (state.answers[current.key] ??= {})[id] = {value, at: now()};
  save();
  mark();
}

// What is shown ------------------------------------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function turnItem(turn, isRated) {
  const said = make("div", {}, make("p", {className: "number", textContent: `Turn ${turn.number}`}));
  if (turn.cue) said.append(make("p", {className: "cue", textContent: turn.cue}));
  const words = turn.words || "(silent)";
  said.append(make("p", {className: turn.words ? "words" : "words silent"}, make("span", {className: "who",
    textContent: "Client"}), words + (turn.ended ? " (ends the session)" : "")));
  if (turn.reply) said.append(make("p", {className: "reply"}, make("span", {className: "who", textContent: "Counselor"}),
    turn.reply));
  const face = turn.face && make("img", {src: turn.face, alt: `Face in turn ${turn.number}`, width: 128, height: 128});
  return make("li", {className: `${face ? "" : "faceless"}${isRated ? " rated" : ""}`}, face || null, said);
}

function itemField(one, place) {
  const scale = make("div", {className: "scale"}), name = nameOf(one, place);
  for (const value of data.values) {
    const input = make("input", {type: "radio", name: one.id, value});
    const anchor = data.anchors[value];
    input.setAttribute("aria-label", anchor ? `${value}: ${anchor}` : `${value}`);
    input.addEventListener("change", () => rate(one.id, value));
    scale.append(make("label", {title: anchor ?? ""}, input, make("span", {textContent: value})));
  }
  const clear = make("button", {type: "button", className: "clear", textContent: "clear", hidden: true});
  clear.setAttribute("aria-label", `Clear the rating of ${name}`);
  clear.addEventListener("click", () => { rate(one.id, null); focusItem(place); });
  const field = make("fieldset", {id: `item-${one.id}`}, legendOf(one, place), scale,
    make("p", {className: "chosen"}), clear);
  field.addEventListener("focusin", () => { item = place; mark(); });
  return field;
}

function legendOf({text}, place) {
  const name = nameOf({text}, place), isNamed = text.startsWith(name), end = isNamed ? name.length + 1 : 0;
  return make("legend", {}, make("strong", {textContent: `${place + 1}. ${text.slice(0, end)}`}), text.slice(end));
}

function mark() {
  for (const [place, one] of data.items.entries()) {
    const field = byId(`item-${one.id}`), value = state.answers[current.key]?.[one.id]?.value ?? null;
    for (const input of field.querySelectorAll("input")) input.checked = Number(input.value) === value;
    field.classList.toggle("current", place === item);
    field.querySelector(".chosen").textContent = value === null ? "" : data.anchors[value] ?? between(value);
    field.querySelector(".clear").hidden = value === null;
  }
  const left = missing(current);
  byId("missing").textContent = left.length ? `Not rated yet: ${names(left)}` : "All items are rated.";
  byId("missing").classList.toggle("none", !left.length);
}

function between(value) {
  const anchors = Object.keys(data.anchors).map(Number).sort((a, b) => a - b);
  const below = anchors.findLast((at) => at < value), above = anchors.find((at) => at > value);
  return below === undefined || above === undefined ? "" : `between ${below} and ${above}`;
}

function showPart(part) {
  current = part;
  item = Math.max(0, data.items.indexOf(missing(part)[0]));
  if (state.place !== part.key) {
    state.place = part.key;
    save();
  }
  const {session, turn, place} = part;
  byId("place").textContent = `Session ${place + 1} of ${data.sessions.length}`;
  byId("part-title").textContent = `Session ${session.code}${turn === null ? "" : `, turn ${turn}`}`;
  const turns = session.turns.filter(({number}) => turn === null || number <= turn);
  byId("turns").replaceChildren(...turns.map((one) => (
    one.number === turn ? turnItem({...one, reply: ""}, true) : turnItem(one, false))));
  byId("items").replaceChildren(...data.items.map(itemField));
  byId("comment").value = state.comments[part.key]?.text ?? "";
  const at = parts.indexOf(part);
  byId("previous").disabled = !at;
  byId("next").textContent = at + 1 < parts.length ? "Next" : "To the overview";
  mark();
}

function showOverview() {
  byId("list").replaceChildren(...parts.map((part) => {
    const left = missing(part), isBegun = left.length < data.items.length;
    const told = !left.length ? "all items rated" : isBegun ? `missing: ${names(left)}` : "not rated yet";
    const comment = state.comments[part.key]?.text.trim() ? " · with a comment" : "";
    const sign = make("b", {textContent: left.length ? "○" : "✓"});
    sign.setAttribute("aria-hidden", "true");
    const code = part.session.code + (part.turn === null ? "" : ` · ${part.turn}`);
    return make("li", {className: left.length ? "open" : ""}, make("a", {href: `#${part.key}`}, sign,
      make("code", {textContent: code}), make("i", {textContent: told + comment})));
  }));
  const open = parts.filter((part) => missing(part).length), left = total - done();
  byId("verdict").textContent = left
    ? `${left} of ${total} ratings are still missing, in ${open.length} of ${parts.length} ${unit}.`
    : `All ${total} ratings are given. Save them as a file, and return the file.`;
}

const done = () => parts.reduce((sum, part) => sum + answered(part).length, 0);

function count() {
  byId("done").max = total;
  byId("done").value = done();
  byId("count").textContent = `${done()} of ${total} ratings`;
}

function show(isFirst) {
  shown = location.hash;
  const hash = shown.slice(1), part = byKey.get(hash), view = part ? "rate" : hash === "overview" ? hash : "start";
  for (const id of ["start", "rate", "overview"]) byId(id).hidden = id !== view;
  for (const id of ["start", "overview"]) {
    if (id === view) byId(`to-${id}`).setAttribute("aria-current", "page");
    else byId(`to-${id}`).removeAttribute("aria-current");
  }
  current = null;
  if (part) showPart(part);
  else if (view === "overview") showOverview();
  const going = byKey.get(state.place);
  byId("begin").textContent = going ? `Go on with session ${going.session.code}` : "Begin";
  count();
  const title = document.querySelector(`#${view} h2`);
  document.title = `${title.textContent} · ${data.title}`;
  if (isFirst) return;
  title.focus({preventScroll: true});
  const rated = document.querySelector(".turns .rated");
  if (rated) rated.scrollIntoView({block: "center"});
  else scrollTo(0, 0);
  byId("panel").scrollTop = 0;
}

function go(key) {
  location.hash = key;
  show(false); // at once: the next key may come before the event
}

function step(by) {
  const next = parts[parts.indexOf(current) + by];
  if (next) go(next.key);
  else if (by > 0) go("overview");
}

// Keys ---------------------------------------------------------------------------------------------------------------

function focusItem(place) {
  if (place < 0) return;
  if (place >= data.items.length) return byId("next").focus();
  const field = byId(`item-${data.items[place].id}`);
  (field.querySelector("input:checked") ?? field.querySelector("input")).focus({preventScroll: true});
  field.scrollIntoView({block: "nearest"});
}

function onKey(event) {
  const {key, target} = event, isTyping = target.matches("textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping) return key === "Escape" ? focusItem(item) : undefined;
  const isInItem = current && target.closest("fieldset");
  const acts = {
    ArrowDown: isInItem && (() => focusItem(item + 1)),
    ArrowUp: isInItem && (() => focusItem(item - 1)),
    Delete: isInItem && (() => rate(data.items[item].id, null)),
    Backspace: isInItem && (() => rate(data.items[item].id, null)),
  };
  if (byId("shortcuts").checked) {
    Object.assign(acts, {
      n: () => (current ? step(1) : byId("begin").click()),
      p: current && (() => step(-1)),
      c: current && (() => byId("comment").focus()),
      o: () => go("overview"),
    });
    if (current && /^\d$/.test(key)) {
      const ends = `${data.values[0]} to ${data.values.at(-1)}`;
      acts[key] = data.values.includes(Number(key))
        ? () => { say(""); rate(data.items[item].id, Number(key)); focusItem(item + 1); }
        : () => say(`${key} is not on the scale from ${ends}.`);
    }
  }
  if (acts[key]) {
    event.preventDefault();
    acts[key]();
  }
}

// Files --------------------------------------------------------------------------------------------------------------

function exported() {
  const {format, version, form, rater, instrument_sha256} = data, answers = [], comments = [];
  for (const {key, session: {code}, turn} of parts) {
    for (const {id} of data.items) {
      const {value = null, at} = state.answers[key]?.[id] ?? {};
      if (value !== null) answers.push({code, turn, item: id, value, at});
    }
    const {text = "", at} = state.comments[key] ?? {};
    if (text.trim()) comments.push({code, turn, text, at});
  }
  return {format, version, form, rater, instrument_sha256, exported: now(), answers, comments};
}

async function saveFile() {
  await restored; // or the file would lack what only the database holds
  const url = URL.createObjectURL(new Blob([JSON.stringify(exported(), null, 1)], {type: "application/json"}));
  make("a", {href: url, download: `ratings-${data.rater}-${data.form}.json`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  removeEventListener("beforeunload", ask);
  say(`The file ratings-${data.rater}-${data.form}.json was handed to your browser: it is among your downloads.`);
}

function loadText(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    return tell("This file is no saved form: it is not JSON.");
  }
  if (given?.format !== data.format || given.version !== data.version) return tell("This file is no saved form.");
  if (given.form !== data.form) return tell(`This file belongs to another form (${given.form}), this one is ${data.form}.`);
  const other = {answers: {}, comments: {}}, keyOf = ({code, turn}) => (turn === null ? code : `${code}.${turn}`);
  for (const one of given.answers) (other.answers[keyOf(one)] ??= {})[one.item] = {value: one.value, at: one.at};
  for (const one of given.comments) other.comments[keyOf(one)] = {text: one.text, at: one.at};
  merge(other);
  tell("");
  save();
  show(false);
}

// Begin --------------------------------------------------------------------------------------------------------------

const stored = read();
merge(stored);
state.place = byKey.has(stored.place) ? stored.place : "";
const restored = readDatabase();
addEventListener("hashchange", () => { if (location.hash !== shown) show(false); });
addEventListener("keydown", onKey);
addEventListener("storage", ({key}) => {
  if (key !== store) return;
  merge(read());
  count();
  if (current) mark();
});
byId("begin").addEventListener("click", () => go(byKey.get(state.place)?.key ?? parts[0].key));
byId("next").addEventListener("click", () => step(1));
byId("previous").addEventListener("click", () => step(-1));
byId("panel").addEventListener("submit", (event) => event.preventDefault());
byId("comment").addEventListener("input", ({target}) => {
  state.comments[current.key] = {text: target.value, at: now()};
  save();
});
byId("export").addEventListener("click", saveFile);
byId("restore").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", async ({target}) => {
  if (target.files[0]) loadText(await target.files[0].text());
  target.value = "";
});
if (matchMedia("(max-width: 819px)").matches) byId("scale").open = false;
show(true);
