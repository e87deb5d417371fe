// Selected sessions as a table of sessions, as a table of turns, and on paper.
const SIGNS = /^[ ']*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NUMBERS = /^ *[+-]?\d[\d,]*(\.\d+)?%?$/;

// A text that a spreadsheet could read as a formula gets an apostrophe, as in all tables of the package.
function cell(value) {
  const words = String(value ?? ""), isText = typeof value === "string";
  const safe = isText && SIGNS.test(words) && !NUMBERS.test(words) ? `'${words}` : words;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const csv = (header, rows) => `\ufeff${[header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;

function sessionTable(chosen) {
  const header = ["run", "session", "client", "name", "resistance", "outcome", "turns", "faces", "faces_accepted", "attempts",
    "turns_with_risk", "signs_of_risk", "first_trust", "last_trust", ...gallery.measures, "tags", "note"];
  return csv(header, chosen.map((one) => {
    const trust = (textOf(one)?.turns ?? []).map((turn) => turn.trust?.points).filter((points) => points !== undefined);
    return [one.run.name, one.idx, one.client, one.name, one.resistance, gallery.outcomes[one.outcome], one.turns, one.faces,
      one.accepted, one.attempts, one.flagged, one.flags.join("; "), trust[0], trust.at(-1),
      ...gallery.measures.map((measure) => one.scores[measure]), noteOn(one).tags.join(", "), noteOn(one).text];
  }));
}

function turnTable(chosen) {
  const header = ["run", "session", "turn", "cue", "words", "caption", "technique", "plan", "reply", "face", "attempts", "trust",
    "signs_of_risk"];
  return csv(header, chosen.flatMap((one) => (textOf(one)?.turns ?? []).map((turn) => [one.run.name, one.idx, turn.number, turn.cue,
    turn.words, turn.caption, turn.technique, turn.plan?.join("; "), turn.reply,
    turn.face && (turn.face.painted ? (turn.face.exhausted ? "not accepted" : "accepted") : "recorded"), turn.face?.attempts.length,
    turn.trust?.points, turn.flags?.map(([, label]) => label).join("; ")])));
}

function save(content, type, ending) {
  const url = URL.createObjectURL(new Blob([content], {type}));
  make("a", {href: url, download: `${plain(gallery.name)}${gallery.part ? ` ${gallery.part}` : ""}-${ending}`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// Tables and prints of sessions that are not whole would lack them without a word.
async function whole(chosen) {
  chosen.forEach(textOf); // those of other pages are on their way together
  for (const session of chosen) await new Promise((done) => whenThere(() => textOf(session), done));
  const damaged = chosen.filter((session) => !textOf(session));
  if (damaged.length) tell(`Not in what you made: ${damaged.map(({shown}) => shown).join(", ")}, missing from this file or damaged.`);
  return chosen.filter(textOf);
}

async function printSessions(chosen) {
  await new Promise((done) => whenThere(() => (isLoading() ? undefined : true), done));
  const before = [...reader.childNodes];
  const articles = (await whole(chosen)).map(article);
  await new Promise((done) => whenThere(() => (painting ? undefined : true), done));
  reader.replaceChildren(...articles);
  document.body.classList.add("printing");
  await Promise.all([...reader.querySelectorAll("img[src]")].map((image) => image.decode().catch(() => {})));
  addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    reader.replaceChildren(...before);
  }, {once: true});
  print();
}

function buildTables() {
  byId("sessions-csv").addEventListener("click", async () => save(sessionTable(await whole(chosenSessions())), "text/csv", "sessions.csv"));
  byId("turns-csv").addEventListener("click", async () => save(turnTable(await whole(chosenSessions())), "text/csv", "turns.csv"));
  byId("print").addEventListener("click", () => printSessions(chosenSessions()));
  byId("export").addEventListener("click", () => {
    save(JSON.stringify(exportedNotes(), null, 1), "application/json", "notes.json");
    removeEventListener("beforeunload", ask);
  });
  byId("import").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async ({target}) => {
    if (target.files[0]) takeNotes(await target.files[0].text());
    target.value = "";
  });
}

function takeNotes(content) {
  byId("imported").textContent = importNotes(content);
  noted(...sessions);
  for (const field of reader.querySelectorAll(".notes")) field.replaceWith(notesField(sessions[field.dataset.at]));
  applyFilters();
}
