"use strict";
// Shows the state that the server sends, and sends what a person does. Keeps what is typed until its turn is taken.
const $ = (id) => document.getElementById(id);
const TYPED = "mirror-explore-typed";
const BUTTONS = ["say", "listen", "again", "take_back", "save", "begin", "own", "stop"];
let state = null, boot = "", session = 0, drafted = 0, since = 0, sent = "", sentAt = 0, follows = true;

// What the server tells -----------------------------------------------------------------------------------------------

const source = new EventSource("events");
source.onmessage = (event) => {
  const next = JSON.parse(event.data);
  if (boot && next.boot !== boot) return tellRestarted();
  boot = next.boot;
  $("gone").hidden = true;
  show(next);
};
source.onerror = () => {
  if (boot === "restarted") return;
  tellGone("The panel’s server does not answer.",
    "It may have been stopped: look where it was started, and start it again. This page goes on by itself as soon as it " +
    "answers; what is shown here and what you typed stays.");
  enable([]);
};

function tellGone(title, advice) {
  $("gone").querySelector("b").textContent = title;
  $("gone").querySelector(".advice").textContent = advice;
  $("gone").querySelector("button").hidden = boot !== "restarted";
  if ($("gone").hidden) $("gone").hidden = false;
}

function tellRestarted() {
  boot = "restarted";
  source.close();
  tellGone("The panel was started anew, and begins with an empty session.",
    "Below is the earlier session: it can be read and copied, and not be gone on with. What you typed stays.");
  enable([]);
}

async function show(next) {
  const before = state;
  state = next;
  if (!before || before.doing !== next.doing) since = Date.now();
  follows = nearEnd();
  $("client").value = next.own ? "" : next.client;
  $("counselors").textContent = next.counselors.join(" ");
  $("pending").hidden = !next.typed;
  if (next.typed) {
    $("pending").querySelector(".who").textContent = next.name;
    $("pending").querySelector(".cue").textContent = next.typed.cue;
    $("pending").querySelector(".words").textContent = next.typed.words || "says nothing";
  }
  $("doing").hidden = !next.doing;
  setText($("status"), next.doing && `${next.doing[0].toUpperCase()}${next.doing.slice(1)}`);
  $("fault").hidden = !next.fault;
  if (next.fault) {
    $("fault").querySelector("b").textContent = next.fault.title;
    $("fault").querySelector(".message").textContent = next.fault.message;
    $("fault").querySelector(".advice").textContent = next.fault.advice;
  }
  setText($("note"), next.note);
  if ($("vote")) $("vote").hidden = !next.can.includes("vote");
  $("take_back").textContent = next.can.includes("restore") ? "Bring back the last session" : "Take back";
  $("listen").textContent = `Let ${next.name} speak`;
  $("save").textContent = next.saved && next.exchanges.length ? "Saved" : "Save";
  enable(next.can);
  document.body.setAttribute("aria-busy", String(Boolean(next.doing)));
  if (sent && !next.doing && next.version > sentAt) settle(next); // what is done at once is never seen under way
  fillDraft(next.draft);
  await showExchanges(next.exchanges);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or a screen reader says it again
}

function enable(can) {
  for (const name of BUTTONS) $(name).disabled = !can.includes(name === "own" ? "portrait" : name);
  if (can.includes("restore")) $("take_back").disabled = false;
  $("client").disabled = !can.includes("begin");
  for (const field of [$("cue"), $("words")]) field.readOnly = !can.includes("say") && can.includes("stop");
  for (const button of document.querySelectorAll("#vote button")) button.disabled = !can.includes("vote");
}

// The words leave their field only once their turn is there.
function settle(next) {
  if (next.went_well && sent === typed()) {
    $("cue").value = $("words").value = "";
    keepTyped();
  }
  $("words").focus({preventScroll: true});
  sent = "";
}

function fillDraft(draft) {
  if (draft.number <= drafted) return;
  drafted = draft.number;
  if ($("cue").value || $("words").value) return;
  $("cue").value = draft.cue;
  $("words").value = draft.words;
  keepTyped();
}

let shown = Promise.resolve();
function showExchanges(keys) {
  shown = shown.then(() => bring(keys)).catch(() => undefined); // the events tell when the server is gone
  return shown;
}

async function bring(keys) {
  const log = $("log");
  if (session !== state.session) {
    const answer = await fetch(`profile?session=${state.session}`);
    if (answer.ok) $("profile").innerHTML = await answer.text(); // as the exchanges below
    session = state.session;
  }
  for (const child of [...log.children]) if (!keys.includes(child.dataset.key)) child.remove();
  let added = false;
  for (const [place, key] of keys.entries()) {
    if (log.children[place]?.dataset.key === key) continue;
    const answer = await fetch(`exchanges/${key}`);
    if (!answer.ok) continue;
    const holder = document.createElement("div");
    holder.dataset.key = key;
    holder.innerHTML = await answer.text(); // written by the server, which escapes every text; scripts are forbidden
    log.insertBefore(holder, log.children[place] ?? null);
    added = true;
  }
  $("empty").hidden = keys.length > 0 || Boolean(state.typed);
  if (added || follows) toEnd();
}

const nearEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 160;
const toEnd = () => scrollTo({top: document.documentElement.scrollHeight,
  behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"});

setInterval(() => {
  const seconds = Math.round((Date.now() - since) / 1000);
  $("seconds").textContent = state?.doing && seconds > 2 ? ` · ${seconds} s` : "";
}, 1000);

// What a person does ---------------------------------------------------------------------------------------------------

async function act(action) {
  try {
    const answer = await fetch("actions", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(action)});
    if (answer.ok) return "";
    const told = await answer.json().catch(() => ({}));
    return told.message || `the server answered ${answer.status}`;
  } catch {
    return "the panel’s server does not answer; nothing was sent";
  }
}

async function tellIfRefused(action) {
  const fault = await act(action);
  if (!fault) return true;
  $("fault").hidden = false;
  $("fault").querySelector("b").textContent = "That was not taken on";
  $("fault").querySelector(".message").textContent = fault;
  $("fault").querySelector(".advice").textContent = "Nothing is lost; your words are still here.";
  toEnd();
  return false;
}

const typed = () => JSON.stringify([$("cue").value, $("words").value]);
function keepTyped() {
  try { localStorage.setItem(TYPED, typed()); } catch { /* a browser that keeps nothing */ }
}

async function say() {
  if ($("say").disabled) return;
  [sent, sentAt] = [typed(), state.version];
  if (!await tellIfRefused({action: "say", cue: $("cue").value, words: $("words").value})) sent = "";
}

$("composer").addEventListener("submit", (event) => { event.preventDefault(); say(); });
$("composer").addEventListener("input", keepTyped);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("client_dialog").open) {
    event.preventDefault();
    say();
  } else if (event.key === "Enter" && event.target === $("cue") && !event.isComposing) {
    event.preventDefault(); // picks a cue, and goes on to the words
    $("words").focus();
  }
});
for (const name of ["listen", "again", "take_back", "save"]) {
  $(name).addEventListener("click", () => tellIfRefused({action: name}));
}
$("stop").addEventListener("click", () => fetch("stop", {method: "POST", headers: {"Content-Type": "application/json"}}));
$("begin").addEventListener("click", () => tellIfRefused({action: "begin", client: $("client").value || firstClient()}));
$("client").addEventListener("change", () => tellIfRefused({action: "begin", client: $("client").value}));
$("gone").querySelector("button").addEventListener("click", () => location.reload());
for (const button of document.querySelectorAll("#vote button")) {
  button.addEventListener("click", () => tellIfRefused({action: "vote", vote: button.value, reason: $("reason").value}));
}
$("vote")?.addEventListener("submit", (event) => event.preventDefault());
const firstClient = () => $("client").options[1].value;

// A client of one's own ------------------------------------------------------------------------------------------------

$("own").addEventListener("click", () => { $("dialog_fault").hidden = true; $("client_dialog").showModal(); });
$("use").addEventListener("click", async () => {
  const file = $("picture").files[0];
  const about = {gender: $("gender").value, name: $("name").value, about: $("about").value, reason: $("why").value};
  const fault = !file && !$("path").value.trim() ? "choose a picture, or type the path of one"
    : await act({action: "portrait", picture: file ? await inBase64(file) : "", path: file ? "" : $("path").value, about});
  $("dialog_fault").hidden = !fault;
  $("dialog_fault").textContent = fault;
  if (!fault) $("client_dialog").close();
});

async function inBase64(file) {
  const url = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => done(",");
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}

try { [$("cue").value, $("words").value] = JSON.parse(localStorage.getItem(TYPED)) ?? ["", ""]; } catch { /* nothing kept */ }
$("words").focus();
