// A reader's notes and tags, by run and session: two galleries of one run share them, and no others. They are kept in
// the browser's storage, where other tabs see them at once, and in its database, which is on disk at once and has room
// where the storage is full; where neither takes them, the reader is told.
const FORMAT = "mirror-gallery-notes", VERSION = 1;
const notes = new Map(gallery.runs.map(({key}) => [key, {}])); // run → session → {text, tags, at, digest}
const now = () => new Date().toISOString();
const storeOf = (key) => `${FORMAT}-${key}`;
const isNote = (one) => typeof one?.text === "string" && typeof one.at === "string" && Array.isArray(one.tags)
  && one.tags.every((tag) => typeof tag === "string") && !Number.isNaN(Date.parse(one.at));

const noteOn = ({run, idx}) => {
  const own = notes.get(run.key);
  return Object.hasOwn(own, idx) ? own[idx] : {text: "", tags: [], at: "", digest: ""};
};
const hasNote = (session) => Boolean(noteOn(session).text.trim() || noteOn(session).tags.length);
const tagsInUse = () => [...new Set(sessions.flatMap((session) => noteOn(session).tags))].sort();
const readTags = (words) => [...new Set(words.split(",").map((tag) => tag.trim()).filter(Boolean))];

// Of two notes on a session, the later one counts.
function mergeNotes(key, others) {
  const own = notes.get(key);
  for (const [idx, one] of Object.entries(others ?? {})) {
    const before = Object.hasOwn(own, idx) ? own[idx] : null;
    if (isNote(one) && (!before || one.at > before.at)) {
      Object.defineProperty(own, idx, {value: one, enumerable: true, configurable: true, writable: true});
    }
  }
}

function readStored(key) {
  try {
    return JSON.parse(localStorage.getItem(storeOf(key)) ?? "{}");
  } catch (error) {
    if (error instanceof SyntaxError) {
      tell("The notes on this run in this browser's storage are damaged; those in its database are used, and a saved file can be read.");
    }
    return {};
  }
}

function write(session, changes) {
  const {run, idx} = session;
  mergeNotes(run.key, {[idx]: {...noteOn(session), ...changes, at: now(), digest: session.digest}});
  keep(run.key);
}

const unkept = new Set(), stored = new Set(); // runs
const ask = (event) => event.preventDefault(); // the browser asks whether to leave

function keep(key) {
  mergeNotes(key, readStored(key)); // another tab may show the same run
  try {
    localStorage.setItem(storeOf(key), JSON.stringify(notes.get(key)));
    stored.add(key);
  } catch {
    stored.delete(key);
    unkept.add(key);
    addEventListener("beforeunload", ask);
  }
  keepInDatabase(key);
}

function kept(key) {
  unkept.delete(key);
  if (!unkept.size) {
    removeEventListener("beforeunload", ask);
    byId("kept").textContent = "Kept in this browser, on this device only.";
    byId("unkept").hidden = true;
  }
}

// The browser's database; each of these gives null where there is none.
const database = new Promise((done) => {
  try {
    const opening = indexedDB.open(FORMAT, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("runs");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = opening.onblocked = () => done(null);
  } catch {
    done(null);
  }
});

async function inDatabase(mode, act) { // `act` gives a request
  const opened = await database;
  return new Promise((done) => {
    try {
      const transaction = opened.transaction("runs", mode, {durability: "strict"}); // complete is then on disk
      const asked = act(transaction.objectStore("runs"));
      transaction.oncomplete = () => done({value: asked.result});
      transaction.onerror = transaction.onabort = () => done(null);
    } catch {
      done(null);
    }
  });
}

const writing = new Map(); // by run: the write under way; what changes meanwhile is written after it

// Writes what this tab has, and what another has written meanwhile.
function putBoth(key, runs) {
  const read = runs.get(storeOf(key));
  read.onsuccess = () => {
    mergeNotes(key, read.result);
    runs.put(notes.get(key), storeOf(key));
  };
  return read;
}

function keepInDatabase(key) {
  const before = writing.get(key) ?? Promise.resolve(), own = before.then(async () => {
    if (writing.get(key) !== own) return; // a later one writes all
    const done = await inDatabase("readwrite", (runs) => putBoth(key, runs));
    if (writing.get(key) !== own) return;
    if (done || stored.has(key)) return kept(key);
    byId("kept").textContent = "";
    byId("unkept").hidden = false;
  });
  byId("kept").textContent = "Keeping …";
  writing.set(key, own);
}

async function readNotes() {
  for (const {key} of gallery.runs) {
    mergeNotes(key, readStored(key));
    mergeNotes(key, (await inDatabase("readonly", (runs) => runs.get(storeOf(key))))?.value);
  }
}

// As a file ----------------------------------------------------------------------------------------------------------

function exportedNotes() {
  const runs = gallery.runs.map(({key, name}) => ({run: key, name,
    notes: Object.entries(notes.get(key)).map(([session, note]) => ({session, ...note}))}));
  return {format: FORMAT, version: VERSION, exported: now(), runs: runs.filter((run) => run.notes.length)};
}

// What one says and the other does not: nothing of either is lost.
function joined(own, other) {
  const words = !own.text || other.text.includes(own.text) ? other.text
    : own.text.includes(other.text) ? own.text : `${own.text}\n\n[imported] ${other.text}`;
  return {text: words, tags: [...new Set([...own.tags, ...other.tags])], digest: other.digest ?? "", at: now()};
}

// Takes the notes of a file; returns what became of them, in words.
function importNotes(content) {
  let given;
  try {
    given = JSON.parse(content);
  } catch {
    return "This file holds no notes: it is not JSON. Nothing was changed.";
  }
  if (given?.format !== FORMAT || given.version !== VERSION || !Array.isArray(given.runs)) {
    return "This file holds no notes of a gallery. Nothing was changed.";
  }
  let taken = 0, both = 0, foreign = 0, bad = 0;
  for (const run of given.runs) {
    for (const note of Array.isArray(run?.notes) ? run.notes : []) {
      if (!notes.has(run.run)) foreign += 1;
      else if (!isNote(note) || typeof note.session !== "string") bad += 1;
      else {
        const own = notes.get(run.run), before = Object.hasOwn(own, note.session) ? own[note.session] : null;
        const {session, text: words, tags, at, digest} = note, read = {text: words, tags, at, digest: String(digest ?? "")};
        const is = before && (before.text || before.tags.length) ? joined(before, read) : {...read, at: now()};
        both += Boolean(before?.text && is.text !== before.text && is.text !== words);
        mergeNotes(run.run, {[session]: is});
        taken += 1;
      }
    }
    if (notes.has(run?.run)) keep(run.run);
  }
  return [`${count(taken, "note")} read`, both && `${both} beside other words of yours: both are kept`,
    foreign && `${foreign} of other runs left out`, bad && `${bad} damaged and left out`].filter(Boolean).join("; ") + ".";
}

// In the page --------------------------------------------------------------------------------------------------------

function notesField(session) {
  const {text: words, tags, digest} = noteOn(session), name = `${plain(session.shown)}${several ? `, ${session.run.name}` : ""}`;
  const area = make("textarea", {value: words, rows: 1, dir: "auto", placeholder: " ", attributes: {"aria-label": `Notes on ${name}`}});
  const line = make("input", {value: tags.join(", "), dir: "auto", placeholder: " ", autocomplete: "off", attributes: {"aria-label":
    `Tags of ${name}, with commas between`, list: "tags"}});
  area.addEventListener("input", () => { write(session, {text: area.value}); noted(session); });
  line.addEventListener("input", () => { write(session, {tags: readTags(line.value)}); noted(session); });
  const isOld = words && digest && digest !== session.digest;
  return make("section", {className: "notes", dataset: {at: session.at}}, text("h3", "", "Your notes"), area,
    make("label", {}, "Tags ", line), isOld ? text("p", "note", "The session has changed since this note was written.") : null);
}
