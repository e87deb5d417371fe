// A gallery of many sessions is divided: their texts and pictures are in pages beside this file. A page is opened in a
// hidden frame when something of it is wanted, and hands it over; only a few stay open. What is wanted: the texts or the
// pictures of a session, or what was `said` in all sessions of a page.
const MOST_OPEN = 3, PART = "mirror-gallery-part"; // the name of these frames
let first = 0;
const pages = (gallery.pages ?? []).map((page) => {
  first += page.sessions;
  return {...page, first: first - page.sessions, frame: null, isReady: false, isGone: false, wanted: new Map()};
});
const pageOf = (at) => pages.find((page) => at < page.first + page.sessions);
const queue = new Set(); // pages that are not open and have what is wanted; the last one comes first
let onSaid = () => {}; // called when what was said in a page is there

const isReading = () => pages.some(({wanted}) => wanted.has("said"));

// Wants a part of a session: null if its page is gone, undefined while it is on its way.
function want(kind, at) {
  const page = pageOf(at), asked = kind === "said" ? {kind} : {kind, at: at - page.first};
  const name = kind === "said" ? kind : `${kind}-${at}`;
  if (page.isGone) return null;
  if (page.wanted.has(name)) return undefined;
  page.wanted.set(name, asked);
  if (page.isReady) send(page, [asked]);
  else if (!page.frame) {
    queue.delete(page);
    queue.add(page);
    openPages();
  }
  return undefined;
}

const send = ({frame, key}, wanted) => frame.contentWindow.postMessage({key, wanted}, "*");

function openPages() {
  while (queue.size) {
    const open = pages.filter(({frame}) => frame), idle = open.find(({wanted}) => !wanted.size);
    if (open.length >= MOST_OPEN && !idle) return;
    if (open.length >= MOST_OPEN) closePage(idle);
    const page = [...queue].at(-1);
    queue.delete(page);
    page.frame = Object.assign(document.createElement("iframe"), {name: PART, src: page.file, hidden: true, title: page.file});
    page.frame.addEventListener("load", () => setTimeout(() => page.frame && !page.isReady && give(page), 2000));
    document.body.append(page.frame);
  }
}

function closePage(page) {
  page.frame?.remove();
  page.frame = null;
  page.isReady = false;
}

// A page that is not there, or of another gallery: nothing of it can be shown.
function give(page) {
  page.isGone = true;
  page.wanted.clear();
  closePage(page);
  tell(`The page ${page.file} is missing, damaged or of another gallery; its ${page.sessions} sessions cannot be read. ${REMEDY}`);
  onSaid();
  openPages();
}

function take(page, {kind, at, value}) {
  page.wanted.delete(kind === "said" ? kind : `${kind}-${page.first + at}`);
  if (kind === "said") {
    value.forEach((words, place) => parsed.said.set(page.first + place, words));
    onSaid();
  } else keepPart(kind, page.first + at, value);
  openPages();
}

if (pages.length) {
  addEventListener("message", ({source, data}) => {
    const page = pages.find(({frame}) => frame && frame.contentWindow === source);
    if (!page) return;
    if (data.isReady) {
      page.isReady = true;
      send(page, [...page.wanted.values()]);
    } else if (data.isRefused) give(page);
    else if (page.wanted.size) take(page, data);
  });
}

// In a frame: hands over what is wanted, to whoever knows the key of the page, as the gallery does that it is part of.
function serve() {
  const reply = (words) => parent.postMessage(words, "*");
  const partOf = (kind, at) => {
    if (kind !== "said") return part(kind, at);
    return sessions.every((one) => textOf(one) !== undefined) ? sessions.map(saidIn) : undefined;
  };
  addEventListener("message", ({source, data}) => {
    if (source !== parent) return;
    if (data.key !== gallery.key) return reply({isRefused: true});
    for (const {kind, at} of data.wanted) whenThere(() => partOf(kind, at), (value) => reply({kind, at, value}));
  });
  reply({isReady: true});
}
