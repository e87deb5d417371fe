"use strict";
// Sends the form to this service, and shows its answer. Texts are only ever set as text; the token is kept nowhere but in
// its field. Nothing is sent to another place, which the page's policy forbids, too.
const byId = (id) => document.getElementById(id);
const {path, answer, fields} = JSON.parse(byId("data").textContent);
const form = byId("form"), pictures = new Map(); // by field: files that were dragged or pasted
const OUTCOMES = {
  accepted: "Accepted: the face may be shown", unsafe: "Rejected: the picture may not be safe to show",
  irrelevant: "Rejected: the face does not show what it should", another_person: "Rejected: another person",
  another_gender: "Rejected: read as another gender", another_age: "Rejected: read as another age",
  no_face: "Rejected: no face was found", several_faces: "Rejected: several faces were found",
  unreadable_image: "Rejected: the picture of the face cannot be decoded",
  unreadable_portrait: "The portrait cannot be decoded", no_face_in_portrait: "No face was found in the portrait",
  several_faces_in_portrait: "The portrait shows several faces",
};
const CHECKS = {safe: ["Unsafe content", "below"], relevant: ["Shows what it should", "at least"],
  same_person: ["Same person", "at least"], same_gender: ["Same gender", "at least"], age: ["Years apart", "at most"]};
let request = null;

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const cell = (words, scope) => Object.assign(make(scope ? "th" : "td", {textContent: words}), scope ? {scope} : {});
const number = (value) => (Number.isInteger(value) ? String(value) : Number(value).toFixed(3));

// The answer ---------------------------------------------------------------------------------------------------------

function verdict({outcome, accepted, checks}) {
  byId("answer").className = accepted ? "good" : "bad";
  byId("answer-title").textContent = `${accepted ? "✓" : "✗"} ${OUTCOMES[outcome] ?? outcome}`;
  if (!checks.length) return [make("p", {textContent: "No check was made."})];
  const rows = checks.map(({name, passed, score, threshold, model}) => {
    const [label, compared] = CHECKS[name] ?? [name, ""];
    const result = make("td", {className: passed ? "good" : "bad", textContent: passed ? "✓ passed" : "✗ failed"});
    return make("tr", {}, cell(label, "row"), result, cell(number(score)), cell(`${compared} ${number(threshold)}`), cell(model));
  });
  const head = make("tr", {}, ...["check", "result", "score", "passes", "model"].map((name) => cell(name, "col")));
  const table = make("div", {className: "table", tabIndex: 0}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  table.setAttribute("role", "region");
  table.setAttribute("aria-label", "Checks");
  return [table, make("p", {className: "hint", textContent: "The checks are made in this order, until one fails."})];
}

function description({expression, contrast, fallback, model, attempts}) {
  byId("answer").className = "good";
  byId("answer-title").textContent = "The face that goes with it";
  const facts = [["shows", expression], ["must not show", contrast || "–"],
    ["from", `${model}${attempts > 1 ? `, asked ${attempts} times` : ""}${fallback ? "; a fallback, no answer could be used" : ""}`]];
  return [make("dl", {}, ...facts.map(([name, words]) => make("div", {}, make("dt", {textContent: name}),
    make("dd", {textContent: words, dir: "auto"}))))];
}

function show(content, raw) {
  byId("content").replaceChildren(...content);
  byId("raw").textContent = raw;
  byId("answer").hidden = false;
  byId("answer").focus();
}

function refuse(title, message, raw) {
  byId("answer").className = "bad";
  byId("answer-title").textContent = title;
  show([make("p", {textContent: message, dir: "auto"})], raw);
}

// Sending ------------------------------------------------------------------------------------------------------------

const ownFile = ({name}) => pictures.get(name) ?? byId(name).files[0];
const isGiven = (field) => (field.kind === "picture" ? Boolean(ownFile(field)) : Boolean(byId(field.name).value.trim()));

function fault(name, words) {
  byId(`${name}-fault`).textContent = words;
  byId(`${name}-fault`).hidden = !words;
  byId(name).setAttribute("aria-invalid", String(Boolean(words)));
}

// Names what is missing at its place, and leads there; the first of them has the focus.
function isComplete() {
  const missing = fields.filter((field) => field.required && !isGiven(field));
  const wrong = fields.filter(({kind, name}) => kind === "number" && !byId(name).validity.valid);
  for (const field of fields) {
    const label = field.kind === "picture" ? "Choose a picture." : "Write something here.";
    fault(field.name, missing.includes(field) ? label : wrong.includes(field) ? "A whole number, 0 or more." : "");
  }
  const token = byId("token"), isLocked = token && !token.value;
  if (token) fault("token", isLocked ? "This service asks for a token." : "");
  const first = [...missing, ...wrong][0];
  if (first) byId(first.name).focus();
  else if (isLocked) token.focus();
  return !first && !isLocked;
}

function body() {
  const sent = new FormData();
  for (const field of fields) if (isGiven(field)) sent.append(field.name, field.kind === "picture" ? ownFile(field) : byId(field.name).value);
  for (const {name, kind, required} of fields) if (kind === "text" && !required && !sent.has(name)) sent.append(name, "");
  return sent;
}

async function send() {
  if (request || !isComplete()) return;
  request = new AbortController();
  busy(true);
  const begun = performance.now(), headers = byId("token") ? {Authorization: `Bearer ${byId("token").value}`} : {};
  try {
    const response = await fetch(path, {method: "POST", body: body(), headers, signal: request.signal});
    const text = await response.text();
    took(begun);
    read(response, text);
  } catch (error) {
    byId("state").textContent = "";
    if (error.name === "AbortError") byId("state").textContent = "cancelled";
    else refuse("✗ No answer", "The service did not answer, or the picture could no longer be read. Is it running? Try again.", String(error));
  }
  request = null;
  busy(false);
}

function read(response, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(`✗ Error ${response.status}`, "The answer is no JSON; something between this page and the service may have changed it.", text);
  }
  const raw = JSON.stringify(value, null, 1);
  if (response.ok) return show({verdict, description}[answer](value), raw);
  const wait = response.headers.get("Retry-After");
  refuse(`✗ ${response.status}: ${value.error}`, `${value.message}${wait ? ` (again in ${wait} s)` : ""}`, raw);
}

function took(begun) {
  byId("state").textContent = `answered in ${((performance.now() - begun) / 1000).toFixed(2)} s`;
}

function busy(is) {
  byId("send").disabled = is;
  byId("cancel").hidden = !is;
  if (is) byId("state").textContent = "waiting for the answer …";
}

// Pictures -----------------------------------------------------------------------------------------------------------

function preview({name}) {
  const drop = byId(name).parentElement.querySelector(".drop"), image = drop.querySelector("img"), file = ownFile({name});
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = !file;
  image.removeAttribute("src");
  if (file) image.src = URL.createObjectURL(file);
  drop.querySelector(".file").textContent = file ? `${file.name || "pasted picture"}, ${Math.ceil(file.size / 1000).toLocaleString("en")} kB` : "";
  fault(name, "");
}

function take(field, file) {
  if (!file) return;
  if (!["image/png", "image/jpeg", "image/webp"].includes(file.type)) return fault(field.name, "This is no PNG, JPEG or WebP file.");
  pictures.set(field.name, file);
  byId(field.name).value = "";
  preview(field);
}

for (const field of fields.filter(({kind}) => kind === "picture")) {
  const input = byId(field.name), place = input.parentElement;
  input.addEventListener("change", () => {
    if (!input.files[0]) return;
    pictures.delete(field.name);
    preview(field);
  });
  place.querySelector("img").addEventListener("error", ({target}) => { target.hidden = true; }); // the service will say why
  for (const kind of ["dragenter", "dragover"]) {
    place.addEventListener(kind, (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
  }
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    take(field, event.dataTransfer.files[0]);
  });
}

// What is pasted goes to the field with the focus, else to the first that is empty.
addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({type}) => type.startsWith("image/"));
  const open = fields.filter(({kind}) => kind === "picture");
  const field = open.find(({name}) => document.activeElement === byId(name)) ?? open.find((one) => !isGiven(one));
  if (file && field) {
    event.preventDefault();
    take(field, file);
  }
});
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault()); // open no picture instead

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("cancel").addEventListener("click", () => request?.abort());
byId("health").addEventListener("toggle", async ({target}) => {
  if (!target.open) return;
  const place = target.querySelector("pre");
  try {
    place.textContent = JSON.stringify(await (await fetch("health")).json(), null, 1);
  } catch {
    place.textContent = "The service did not answer.";
  }
});
