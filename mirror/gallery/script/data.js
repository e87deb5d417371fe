"use strict";
// The page's data: the list, which stands before this script, and the text and pictures of each session, which may still
// be on their way. Whatever cannot be read is said.
const byId = (id) => document.getElementById(id);
const isLoading = () => document.readyState === "loading";
const REMEDY = "Write it again: python -m mirror.gallery";

function tell(words) {
  const line = document.createElement("p");
  line.textContent = words;
  if (![...byId("trouble").children].some((one) => one.textContent === words)) byId("trouble").append(line);
  byId("trouble").hidden = false;
}

function readGallery() {
  try {
    const read = JSON.parse(byId("data").textContent);
    if (Array.isArray(read.sessions) && Array.isArray(read.runs)) return read;
  } catch {
    // said below
  }
  tell(`The list of this gallery is damaged, so no session can be shown. ${REMEDY}`);
  return {name: "", part: "", runs: [], outcomes: {}, measures: [], sessions: []};
}

const gallery = readGallery();
// A session: its row in the list with its place there (`at`), its run, and `shown`, its name for people.
const sessions = gallery.sessions.map((row, at) => ({...row, at, run: gallery.runs[row.run],
  shown: row.name || `Client ${row.idx}`}));
const several = gallery.runs.length > 1;
const parsed = {texts: new Map(), pictures: new Map(), said: new Map()};

function keepPart(kind, at, value) {
  const known = parsed[kind];
  known.set(at, value);
  if (kind === "pictures" && known.size > 40) known.delete(known.keys().next().value); // they are large
  return value;
}

// The text or the pictures of a session; undefined while they are on their way, null if the file lacks them.
function part(kind, at) {
  const known = parsed[kind];
  if (known.has(at)) return known.get(at);
  if (pages.length) return want(kind, at);
  const block = byId(`${kind}-${at}`);
  const isWhole = block && (block.nextElementSibling || !isLoading());
  if (!isWhole && isLoading()) return undefined;
  let value = null;
  try {
    value = block && JSON.parse(block.textContent);
  } catch {
    value = null;
  }
  return keepPart(kind, at, value);
}

const textOf = (session) => part("texts", session.at);
const picturesOf = (session) => part("pictures", session.at);

// Calls back once `look` gives anything but undefined: by and by, and as soon as the file has been read.
function whenThere(look, act) {
  const value = look();
  if (value !== undefined) return act(value);
  let isDue = true;
  const again = () => {
    if (isDue) whenThere(look, act);
    isDue = false;
  };
  setTimeout(again, 30);
  if (isLoading()) document.addEventListener("DOMContentLoaded", again, {once: true});
}

// What both sides of a dialogue said, in order: nothing else of a session is searched. Undefined while it is on its way.
function saidIn(session) {
  if (pages.length) return part("said", session.at) ?? undefined;
  const said = [], content = textOf(session);
  if (content === undefined) return undefined;
  for (const {words, reply} of content?.turns ?? []) {
    if (words) said.push(words);
    if (reply) said.push(reply);
  }
  return said;
}

function checkEnd() {
  if (byId("end")) return;
  const missing = sessions.filter((one) => !byId(`pictures-${one.at}`)?.nextElementSibling && picturesOf(one) === null).length;
  tell(`This file ends too early: ${missing} of ${sessions.length} sessions are not whole. Copy it again. ${REMEDY}`);
}
