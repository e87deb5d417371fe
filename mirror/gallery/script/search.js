// The search: words, and phrases in quotes, in what was said. A session fits if each of them occurs in it.
let terms = []; // patterns
const hits = {marks: [], at: -1}; // in the open session
const PIECE = /"([^"]*)"?|([^\s"]+)/g;

function readTerms(query) {
  const pieces = [...query.replace(/[“”„«»]/g, '"').matchAll(PIECE)].map(([, phrase, word]) => (phrase ?? word).trim());
  return [...new Set(pieces.filter(Boolean))].map((piece) => {
    const escaped = piece.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    return new RegExp(escaped.replace(/\s+/g, "\\s+").replace(/['’‘]/g, "['’‘]"), "giu");
  });
}

// The places of the terms in a text, without overlaps.
function placesIn(words) {
  const found = [];
  for (const term of terms) for (const match of words.matchAll(term)) found.push([match.index, match.index + match[0].length]);
  found.sort(([a], [b]) => a - b);
  const merged = [];
  for (const [start, end] of found) {
    const last = merged.at(-1);
    if (last && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

const counted = new Map(); // by place of a session: the hits of the present terms

function takeTerms(query) {
  const before = terms.join();
  terms = readTerms(query);
  if (terms.join() !== before) counted.clear();
}

// The hits in a session; 0 if a term does not occur in it, or what was said is still on its way.
function countHits({at}) {
  const said = counted.has(at) ? undefined : saidIn(sessions[at]);
  if (said) {
    const fits = terms.every((term) => said.some((words) => words.search(term) >= 0));
    counted.set(at, fits ? said.reduce((sum, words) => sum + placesIn(words).length, 0) : 0);
  }
  return counted.get(at) ?? 0;
}

// What was said, with its hits marked; a long text is folded unless it has hits in the folded part.
function said(className, words) {
  const element = make("p", {className: `${className} said`, dir: "auto"});
  element.words = words;
  element.isOpen = words.length <= LONG;
  markHits(element);
  return element;
}

function markHits(element) {
  const {words} = element, places = terms.length ? placesIn(words) : [], pieces = [];
  if (places.some(([, end]) => end > LONG)) element.isOpen = true;
  const end = element.isOpen ? words.length : LONG;
  let at = 0;
  for (const [start, stop] of places) {
    pieces.push(words.slice(at, start), make("mark", {textContent: words.slice(start, stop)}));
    at = stop;
  }
  pieces.push(words.slice(at, end));
  if (!element.isOpen) {
    const more = text("button", "more", `… show the other ${count(words.length - LONG, "character")}`, {type: "button"});
    more.addEventListener("click", () => {
      element.isOpen = true;
      markHits(element);
    });
    pieces.push(more);
  }
  element.replaceChildren(...pieces);
}

function markAll() {
  for (const element of reader.querySelectorAll(".said")) markHits(element);
  hits.marks = [...reader.querySelectorAll("mark")];
  hits.at = -1;
}

function goToHit(at) {
  hits.marks[hits.at]?.classList.remove("current");
  hits.at = at;
  const mark = hits.marks[at];
  if (!mark) return;
  mark.classList.add("current");
  mark.scrollIntoView({block: "center"});
}
