// The list of sessions: its order, its filters and what is selected in it.
const reader = byId("reader"), list = byId("list"), query = byId("query"), found = byId("found");
const filter = {outcome: "", exhausted: false, flagged: false, risk: "", run: "", measure: "", least: "", most: "", tag: "", noted: false};
const selected = new Set(); // places of sessions
const RESISTANCES = ["none", "behavioral", "cognitive", "emotional", ""];
const ORDERS = { // what is compared; undefined comes last in either direction
  run: ({at}) => at,
  score: ({scores}) => scores[byId("measure").value],
  length: ({turns}) => turns,
  resistance: ({resistance}) => (resistance ? RESISTANCES.indexOf(resistance) : undefined),
  attempts: (session) => (session.faces ? session.attempts : undefined),
};
const hashOf = (session, other) => `#${[session.idx, ...(several || other ? [session.run.name] : []),
  ...(other ? [other.idx === session.idx ? other.run.name : `${other.run.name}+${other.idx}`] : [])].map(encodeURIComponent).join("/")}`;
const items = sessions.map(listItem);
let order = sessions.map(({at}) => at), shownHits = [];

function listItem(session) {
  const {shown, idx, name, run, turns, exhausted, flagged, outcome} = session;
  const tick = make("input", {type: "checkbox", attributes: {"aria-label": `select ${plain(shown)}${several ? `, ${run.name}` : ""}`}});
  tick.addEventListener("change", () => {
    selected[tick.checked ? "add" : "delete"](session.at);
    countSelected();
  });
  const small = name ? ` ${idx}` : "", label = gallery.outcomes[outcome];
  const tags = make("span", {className: "tags"}, text("i", `dot ${outcome}`, "", {title: label, attributes: {role: "img", "aria-label": label}}),
    several ? `${run.name} · ` : "", count(turns, "turn"), exhausted ? ` · ${exhausted} ✗` : "", flagged ? " · " : "",
    flagged ? text("b", "bad", `⚑ ${flagged}`, {title: "turns with a sign of risk in the client's words"}) : null,
    text("span", "noted", ""));
  const item = make("li", {dataset: {at: session.at, idx}}, tick, make("a", {href: hashOf(session)},
    make("img", {alt: "", width: 52, height: 52}), make("span", {className: "name", dir: "auto"}, shown, text("small", "", small)), tags,
    text("span", "snippet", session.snippet, {dir: "auto"})));
  item.tick = tick;
  return item;
}

function noted(...some) {
  for (const session of some) {
    const {text: words, tags} = noteOn(session);
    items[session.at].querySelector(".noted").textContent = hasNote(session)
      ? ` · ✎ ${tags.join(", ") || (words.length > 24 ? `${words.slice(0, 24)}…` : words)}` : "";
  }
  offerTags();
}

function offerTags() {
  const tags = tagsInUse(), chosen = filter.tag;
  byId("tags").replaceChildren(...tags.map((value) => make("option", {value})));
  byId("tag").replaceChildren(make("option", {value: "", textContent: "any"}), ...tags.map((value) => make("option", {value, textContent: value})));
  byId("tag").value = tags.includes(chosen) ? chosen : "";
  filter.tag = byId("tag").value;
  byId("of-tags").hidden = !tags.length;
}

function passes(session) {
  const score = session.scores[filter.measure], {outcome, risk, run, tag, least, most} = filter;
  return (!outcome || session.outcome === outcome) && (!filter.exhausted || session.exhausted) && (!filter.flagged || session.flagged)
    && (!risk || session.flags.includes(risk)) && (!run || session.run.name === run) && (!tag || noteOn(session).tags.includes(tag))
    && (!filter.noted || hasNote(session)) && (least === "" || score >= Number(least)) && (most === "" || score <= Number(most));
}

const isShown = (session) => !items[session.at].hidden;
const shownSessions = () => order.map((at) => sessions[at]).filter(isShown);

function applyFilters() {
  takeTerms(query.value);
  filterList();
  markAll();
  tellFound();
}

function filterList() {
  for (const session of sessions) items[session.at].hidden = !passes(session) || (terms.length > 0 && !countHits(session));
  shownHits = terms.length ? shownSessions().map((session) => ({session, hits: countHits(session)})) : [];
}

function tellFound() {
  const shown = shownSessions().length, total = shownHits.reduce((sum, one) => sum + one.hits, 0);
  const before = shownHits.findIndex(({session}) => session === reader.session);
  const number = before < 0 || hits.at < 0 ? 0 : shownHits.slice(0, before).reduce((sum, one) => sum + one.hits, 0) + hits.at + 1;
  const found1 = shown === sessions.length && !terms.length ? "" : shown ? `${shown} of ${count(sessions.length, "session")}` : "No session fits.";
  found.textContent = [found1, total && (number ? `hit ${number} of ${total}` : count(total, "hit"))].filter(Boolean).join(" · ")
    + ((isLoading() || isReading()) && terms.length ? " · still loading" : "");
  byId("hits").hidden = !total;
}

// To the next hit, in the open session or the nearest one in the list that has any.
function stepHit(by) {
  const next = hits.at < 0 && by < 0 ? hits.marks.length - 1 : hits.at + by;
  if (reader.session && isShown(reader.session) && hits.marks[next]) goToHit(next);
  else {
    const places = shownHits.filter((one) => one.hits), at = places.findIndex(({session}) => session === reader.session);
    const to = places[((at < 0 && by < 0 ? 0 : at) + by + places.length) % places.length];
    if (!to) return;
    open(to.session);
    whenThere(() => textOf(to.session), () => {
      if (reader.session !== to.session) return;
      goToHit(by > 0 ? 0 : hits.marks.length - 1);
      tellFound();
    });
  }
  tellFound();
}

function applyOrder() {
  const value = ORDERS[byId("order").value], sign = byId("falling").ariaPressed === "true" ? -1 : 1;
  const values = sessions.map(value), names = new Intl.Collator("en");
  order = sessions.map(({at}) => at).sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (left === right) return a - b;
    if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
    return sign * (typeof left === "number" ? left - right : names.compare(left, right));
  });
  list.append(...order.map((at) => items[at]));
}

function countSelected() {
  const number = selected.size;
  byId("selected").textContent = number ? `${number} selected` : "all that are shown";
  byId("none").hidden = !number;
}

const chosenSessions = () => (selected.size ? order.filter((at) => selected.has(at)).map((at) => sessions[at]) : shownSessions());

function select(isIt) {
  for (const session of isIt ? shownSessions() : sessions) {
    items[session.at].tick.checked = isIt;
    selected[isIt ? "add" : "delete"](session.at);
  }
  countSelected();
}

// Controls -----------------------------------------------------------------------------------------------------------

function chip(name, words, number) {
  const button = make("button", {type: "button", id: name}, `${words} `, text("b", "", number));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    filter[name] = !filter[name];
    button.ariaPressed = String(filter[name]);
    applyFilters();
  });
  return button;
}

function outcomeChips() {
  const kinds = [["", "all"], ...Object.entries(gallery.outcomes)].map(([key, label]) => (
    [key, label, sessions.filter(({outcome}) => !key || outcome === key).length])).filter(([, , number], at) => number || !at);
  return kinds.map(([key, label, number]) => {
    const dot = key && text("i", `dot ${key}`, ""); // as in the list: the legend of its dots
    const button = make("button", {type: "button", dataset: {outcome: key}}, dot, `${label} `, text("b", "", number));
    button.setAttribute("aria-pressed", String(!key));
    button.addEventListener("click", () => {
      filter.outcome = key;
      for (const one of document.querySelectorAll("[data-outcome]")) one.ariaPressed = String(one === button);
      applyFilters();
    });
    return button;
  });
}

function offer(name, values) {
  byId(name).append(...values.map((value) => make("option", {value, textContent: value})));
  byId(`of-${name}`).hidden = !values.length;
}

function buildControls() {
  const exhausted = sessions.filter((one) => one.exhausted).length, flagged = sessions.filter((one) => one.flagged).length;
  byId("chips").append(...outcomeChips(), ...(exhausted ? [chip("exhausted", "with a face not accepted", exhausted)] : []),
    ...(flagged ? [chip("flagged", "⚑ with a sign of risk", flagged)] : []));
  offer("risk", [...new Set(sessions.flatMap(({flags}) => flags))].sort());
  offer("run", several ? gallery.runs.map(({name}) => name) : []);
  offer("measure", gallery.measures);
  byId("by-score").hidden = byId("by-score").disabled = !gallery.measures.length;
  for (const name of ["risk", "run", "measure", "least", "most", "tag"]) {
    byId(name).addEventListener("input", ({target}) => {
      filter[name] = target.value;
      if (name === "measure") applyOrder();
      applyFilters();
    });
  }
  filter.measure = byId("measure").value;
  byId("noted").addEventListener("change", ({target}) => { filter.noted = target.checked; applyFilters(); });
  byId("order").addEventListener("input", () => { applyOrder(); applyFilters(); });
  byId("falling").addEventListener("click", ({currentTarget}) => {
    currentTarget.ariaPressed = String(currentTarget.ariaPressed !== "true");
    applyOrder();
    applyFilters();
  });
  byId("every").addEventListener("click", () => select(true));
  byId("none").addEventListener("click", () => select(false));
}

// A session's picture in the list is its first face; it is read when its place comes into view.
const watcher = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    const session = sessions[target.dataset.at];
    whenThere(() => picturesOf(session), (urls) => {
      const face = textOf(session)?.turns.find((turn) => typeof turn.face?.picture === "number")?.face;
      if (face && urls?.[face.picture]) target.querySelector("img").src = urls[face.picture];
    });
  }
});
