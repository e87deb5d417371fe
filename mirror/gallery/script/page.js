// What is read is named by the hash: `#61`, in a gallery of several runs `#61/base`, and side by side `#61/base/ec`. A run is
// named as in this gallery, or by its folder.
const isWide = () => matchMedia("(min-width: 800px)").matches;

function asked() {
  try {
    return location.hash.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return [location.hash.slice(1)];
  }
}

// The sessions that a hash names; null if there are none of these names.
function named([idx, run, other]) {
  for (const name of ["name", "folder"]) {
    const first = sessions.find((one) => one.idx === idx && (run === undefined || one.run[name] === run));
    if (first && other === undefined) return [first];
    const second = first && sessions.find((one) => one !== first && one.client === first.client
      && other === (one.idx === idx ? one.run[name] : `${one.run[name]}+${one.idx}`));
    if (second) return [first, second];
  }
  return null;
}

function route() {
  const parts = asked(), pair = named(parts), isNamed = location.hash.length > 1;
  byId("unknown").hidden = !isNamed || Boolean(pair);
  document.body.classList.toggle("reading", Boolean(pair) && isNamed);
  if (isNamed && !pair) {
    byId("unknown").textContent = `There is no session “${plain(parts.join("/"))}” in this ${gallery.part ? "page" : "gallery"}.`;
  }
  if (pair) show(...pair);
  else if (isWide() && !isNamed && sessions.length) show(shownSessions()[0] ?? sessions[0]);
  else close();
}

function close() {
  if (reader.session && !isWide()) items[reader.session.at].querySelector("a").focus();
  reader.session = null;
  reader.replaceChildren(text("p", "empty", sessions.length ? "Choose a session." : "There is no session."));
  for (const item of items) item.querySelector("a").removeAttribute("aria-current");
  document.title = titleOf("");
}

const titleOf = (shown) => [shown, plain(gallery.name), `sessions${gallery.part && ` ${gallery.part}`}`].filter(Boolean).join(" · ");

function open(session, other) {
  const hash = hashOf(session, other);
  if (location.hash !== hash) history.pushState(null, "", hash);
  route();
}

function show(session, other) {
  reader.session = session;
  reader.other = other;
  for (const item of items) {
    const isIt = item === items[session.at];
    if (isIt) item.querySelector("a").setAttribute("aria-current", "true");
    else item.querySelector("a").removeAttribute("aria-current");
  }
  document.title = titleOf(`${plain(session.shown)}${session.name ? ` (${session.idx})` : ""}${other ? `: ${session.run.name} and ${other.run.name}` : ""}`);
  const pair = other ? [session, other] : [session], isThere = () => pair.every((one) => textOf(one) !== undefined);
  if (!isThere()) reader.replaceChildren(text("p", "empty", "Loading …"));
  whenThere(() => isThere() || undefined, () => {
    if (reader.session === session && reader.other === other) fill(session, other);
  });
}

function fill(session, other) {
  reader.replaceChildren(bar(session, other), other ? besideArticle([session, other]) : article(session));
  reader.scrollTop = 0;
  if (!isWide()) reader.focus({preventScroll: true}); // the list, and what had the focus in it, is hidden
  if (document.body.classList.contains("reading")) scrollTo(0, 0);
  if (isShown(session)) items[session.at].scrollIntoView({block: "nearest"});
  markAll();
  tellFound();
}

function bar(session, other) {
  const steps = [["previous", -1, "‹", "k"], ["next", 1, "›", "j"]].map(([name, by, sign, key]) => {
    const to = neighbor(session, by);
    const link = make("a", {className: name, textContent: sign, title: `${name} (${key})`, attributes: {"aria-label": `${name} session`}});
    if (to) link.href = hashOf(to);
    else Object.assign(link, {role: "link", ariaDisabled: "true"});
    return link;
  });
  const others = sessions.filter((one) => one !== session && one.client === session.client);
  const choice = make("select", {}, make("option", {value: "", textContent: "nothing"}), ...others.map((one) => make("option",
    {value: one.at, textContent: pairName(one, [session, one])})));
  choice.value = other ? other.at : "";
  choice.addEventListener("input", () => {
    open(session, choice.value === "" ? undefined : sessions[choice.value]);
    reader.querySelector(".bar select")?.focus();
  });
  return make("div", {className: "bar"}, text("a", "back", "‹ all sessions", {href: "#"}),
    others.length ? make("label", {className: "beside-what"}, "Side by side with ", choice) : null, make("span", {className: "steps"}, ...steps));
}

function neighbor(from, by) {
  const shown = shownSessions();
  return from ? shown[shown.indexOf(from) + by] : undefined;
}

function onKey(event) {
  const {key, target} = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !byId("shortcuts").checked) return;
  if (target.closest("input:not([type=checkbox]), textarea, select")) return;
  const by = {j: 1, k: -1}[key], hit = {n: 1, N: -1}[key];
  if (key === "/") {
    event.preventDefault();
    if (!isWide() && document.body.classList.contains("reading")) openList();
    query.focus();
  }
  const to = by && neighbor(reader.session, by);
  if (to) open(to);
  if (hit && shownHits.length) stepHit(hit);
}

function openList() {
  history.pushState(null, "", "#");
  route();
}

// Begin --------------------------------------------------------------------------------------------------------------

function begin() {
  list.append(...items);
  buildControls();
  buildTables();
  countSelected();
  for (const item of items) watcher.observe(item);
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash names sessions
    (reader.offsetHeight ? reader : list.querySelector("a"))?.focus();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  query.addEventListener("input", applyFilters);
  query.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    stepHit(event.shiftKey ? -1 : 1);
  });
  byId("next-hit").addEventListener("click", () => stepHit(1));
  byId("previous-hit").addEventListener("click", () => stepHit(-1));
  reader.addEventListener("toggle", ({target}) => {
    if (target.closest(".turn")) folds.set(foldOf(target), target.open);
  }, true);
  onSaid = () => {
    if (!terms.length) return;
    filterList();
    tellFound();
  };
  addEventListener("hashchange", route);
  addEventListener("popstate", route);
  addEventListener("keydown", onKey);
  addEventListener("storage", ({key}) => {
    for (const run of gallery.runs) if (key === storeOf(run.key)) mergeNotes(run.key, readStored(run.key));
    noted(...sessions);
  });
  document.addEventListener("DOMContentLoaded", () => {
    checkEnd();
    if (terms.length) applyFilters();
  });
  const restored = readNotes().then(() => {
    noted(...sessions.filter(hasNote));
    for (const field of reader.querySelectorAll(".notes")) {
      if (!field.contains(document.activeElement)) field.replaceWith(notesField(sessions[field.dataset.at]));
    }
  });
  route();
  return restored;
}

// Notes as they were kept, once they are read.
const restored = window.name === PART ? serve() : begin();
