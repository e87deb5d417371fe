// A session as an article, or two as two columns of one.
const WHO = {client: "Client", counselor: "Counselor"};

function attemptsList(session, attempts) {
  return make("ol", {className: "attempts"}, ...attempts.map((one) => make("li", {className: one.chosen ? "chosen" : ""},
    one.picture === undefined ? null : picture(session, one.picture, `attempt ${one.number}`, ""),
    make("div", {}, make("p", {className: `outcome ${one.accepted ? "good" : "bad"}`},
      `${one.accepted ? "✓" : "✗"} ${one.number}: ${one.outcome}`, one.chosen ? text("b", "", " shown") : null),
    ...one.checks.map(([name, score, threshold, passed]) => make("p", {className: `check ${passed ? "good" : "bad"}`},
      text("span", "", name), text("b", "", score), text("i", "", threshold), passed ? "✓" : "✗"))))));
}

const details = (className, summary, ...content) => make("details", {className}, make("summary", {}, ...summary), ...content);

function clientSide(turn) {
  const cue = turn.cue && make("p", {className: "cue", dir: "auto"}, turn.cue, turn.feelings
    ? text("small", "", turn.feelings, {title: "as the lexicon reads the cue; the counselor does not see it"}) : null);
  return make("div", {className: "client"}, text("p", "who", WHO.client), cue || null,
    turn.words ? said("words", turn.words) : text("p", "words silent", "silent"),
    turn.ended ? text("p", "note", "ends the session") : null);
}

function trustWords({points, stage, after}) {
  return text("p", "note trust", `trust ${points} · ${stage}${after ? ` · after the counselor ${after.replaceAll("_", " ")}` : ""}`);
}

function faceDetails(session, face) {
  if (!face.painted) return text("p", "note", "the face is recorded");
  const asked = face.expression ? `painted as ${face.expression}${face.contrast ? `; not ${face.contrast}` : ""}` : "";
  const sign = text("i", face.exhausted ? "bad" : "good", face.exhausted ? "✗" : "✓");
  return details("verdict", [sign, ` face: ${face.summary}`], asked ? text("p", "asked", asked, {dir: "auto"}) : null,
    attemptsList(session, face.attempts));
}

function counselorSide(turn) {
  const {caption, agrees, reply, recorded} = turn;
  const agreed = agrees && text("small", agrees === "yes" ? "good" : "bad", agrees === "yes" ? "✓ as the cue" : "✗ not the cue");
  const found = [
    turn.plan && details("plan", [turn.technique], make("ol", {}, ...turn.plan.map((step) => text("li", "", step, {dir: "auto"})))),
    caption && make("p", {className: "caption"}, "sees: ", text("b", "", caption, {dir: "auto"}), agreed ? " " : "", agreed || ""),
    reply && said("words", reply),
    recorded && text("p", "note", `recorded: ${recorded}`, {dir: "auto"}),
  ].filter(Boolean);
  for (const one of found) if (one.className === "plan") one.open = true;
  return found.length ? make("div", {className: reply ? "counselor" : "counselor wordless"}, text("p", "who", WHO.counselor), ...found) : null;
}

// What a reader folded or unfolded stays so, also in print.
const folds = new Map(), foldOf = (one) => `${one.closest(".turn")?.dataset.at}/${one.closest(".turn")?.dataset.turn}/${one.className}`;

// The signs of risk in a speaker's words, which stand below these words.
const risksOf = (turn, who) => (turn.flags ?? []).filter(([speaker]) => speaker === who).map(([speaker, label, words]) =>
  make("p", {className: `risk ${speaker}-risk`, tabIndex: 0, attributes: {role: "note"}}, "⚑ ", text("b", "", label),
    text("span", "", ` “${words}”`, {dir: "auto"})));
const commentsOf = (comments) => (comments ?? []).map(([by, words]) => make("p", {className: "note comment"}, `${by}: `,
  text("q", "", words, {dir: "auto"})));

function turnSection(session, turn) {
  const {face, seen} = turn;
  const number = make("h3", {className: "number"}, text("span", "hidden", "Turn "), String(turn.number));
  const shown = face && picture(session, face.picture, `the client's face in turn ${turn.number}`, face.exhausted ? "face rejected" : "face");
  const instead = seen && make("figure", {}, picture(session, seen.picture, `what the counselor saw in turn ${turn.number}`, "instead"),
    text("figcaption", "", seen.words));
  const section = make("section", {className: "turn", dataset: {turn: turn.number, at: session.at}},
    make("div", {className: "seen"}, shown || null, number, instead || null),
    make("div", {className: "exchange"}, clientSide(turn), ...risksOf(turn, "client"), turn.trust ? trustWords(turn.trust) : null,
      counselorSide(turn), ...risksOf(turn, "counselor"),
      ...(turn.notes ?? []).map((words) => text("p", "note", words)),
      turn.ratings ? make("p", {className: "rated"}, ...turn.ratings.map(([item, score]) =>
        make("span", {}, `${item} `, text("b", "", score), " "))) : null,
      ...commentsOf(turn.comments),
      face ? faceDetails(session, face) : null));
  for (const one of section.querySelectorAll("details")) one.open = folds.get(foldOf(one)) ?? one.open;
  return section;
}

function ending(session, content) {
  return make("footer", {className: "end"}, make("p", {}, text("i", `dot ${session.outcome}`, ""), content.ended),
    content.lastAttempts.length ? text("p", "note", "faces of the turn in which it failed") : null,
    content.lastAttempts.length ? attemptsList(session, content.lastAttempts) : null);
}

function ratingsOf(content) {
  const comments = content.comments?.length ? [make("section", {className: "ratings"}, text("h3", "", "Comments of raters"),
    ...commentsOf(content.comments))] : [];
  return [...content.ratings.map(([instrument, rated]) => make("section", {className: "ratings"}, text("h3", "", instrument),
    make("dl", {}, ...rated.map(([item, score]) => make("div", {}, text("dt", "", item), text("dd", "", score)))))), ...comments];
}

function film(session, content) {
  const strip = make("div", {className: "film", attributes: {role: "group", "aria-label": "Portrait and faces"}});
  if (content.portrait !== null) {
    strip.append(make("figure", {}, picture(session, content.portrait, "the client's portrait", "portrait"),
      text("figcaption", "", "portrait")));
  }
  for (const {number, face} of content.turns) {
    if (typeof face?.picture !== "number") continue;
    const small = make("button", {type: "button", title: `turn ${number}`}, picture(session, face.picture, `face in turn ${number}`, ""));
    small.addEventListener("click", () => strip.closest("article").querySelector(`.turn[data-turn="${number}"]`)
      .scrollIntoView({behavior: "smooth", block: "center"}));
    strip.append(small);
  }
  return strip.children.length ? strip : null;
}

const RESISTS = {none: "no resistance", "": ""};

function head(session, content, isPair) {
  const resists = RESISTS[session.resistance] ?? `${session.resistance} resistance`;
  const facts = [content.about, resists, `client ${session.client}`, session.number > 1 ? `session ${session.number}` : "",
    several && !isPair ? session.run.name : ""];
  const origin = `${gallery.name}${isPair ? "" : ` · ${several ? `${session.run.name} · ` : ""}${session.run.counselor}`}`; // in print
  return [text("p", "origin", origin), text("h2", "", session.shown, {dir: "auto"}), text("p", "about", facts.filter(Boolean).join(" · "), {dir: "auto"}),
    content.reason ? text("p", "story", `“${content.reason}”`, {dir: "auto"}) : null,
    content.thought ? text("p", "thought", `believes: ${content.thought}`, {dir: "auto"}) : null,
    isPair ? null : film(session, content), isPair ? null : trustLine(content.turns)];
}

const damaged = (session) => text("p", "alert", `The session of ${session.shown} is missing from this file or damaged. ${REMEDY}`);

function article(session) {
  const content = textOf(session);
  if (!content) return make("article", {}, make("header", {className: "person"}, text("h2", "", session.shown)), damaged(session));
  return paint(make("article", {attributes: {"aria-label": plain(session.shown)}}, make("header", {className: "person"}, ...head(session, content)),
    notesField(session), ...ratingsOf(content), ...content.turns.map((turn) => turnSection(session, turn)), ending(session, content)));
}

// Two sessions of a client, turn by turn.
function besideArticle(pair) {
  const contents = pair.map(textOf);
  if (contents.some((content) => !content)) return make("article", {}, ...pair.filter((one) => !textOf(one)).map(damaged));
  const last = Math.max(...contents.map(({turns}) => turns.length)), first = contents[0];
  const names = pair.map((one) => pairName(one, pair));
  const columns = pair.map((session, side) => make("section", {className: "column", attributes: {"aria-label": names[side]}},
    text("h3", "arm", names[side]), text("p", "about", session.run.counselor),
    make("p", {className: "about"}, text("i", `dot ${session.outcome}`, ""), `${gallery.outcomes[session.outcome]} · ${count(session.turns, "turn")}`
      + `${session.faces ? ` · ${session.accepted} of ${count(session.faces, "face")} accepted` : ""}`),
    trustLine(contents[side].turns), ...ratingsOf(contents[side]), notesField(session)));
  const rows = Array.from({length: last}, (_, place) => make("div", {className: "row"}, ...contents.map(({turns}, side) => {
    const turn = turns[place], arm = text("p", "arm-name", names[side]);
    return make("div", {className: "cell"}, arm, turn ? turnSection(pair[side], turn)
      : text("p", "note gone", place === turns.length ? `${names[side]} had ended` : ""));
  })));
  const portrait = contents.find((one) => typeof one.portrait === "number");
  const shown = portrait && picture(pair[contents.indexOf(portrait)], portrait.portrait, "the client's portrait", "portrait");
  return paint(make("article", {className: "beside", attributes: {"aria-label": plain(pair[0].shown)}},
    make("header", {className: "person"}, shown || null, ...head(pair[0], first, true)),
    make("div", {className: "row heads"}, ...columns),
    make("div", {className: "row strip", attributes: {"aria-hidden": "true"}}, ...names.map((name) => text("p", "", name))), ...rows,
    make("div", {className: "row"}, ...pair.map((session, side) => make("div", {className: "cell"},
      text("p", "arm-name", names[side]), ending(session, contents[side]))))));
}

function pairName(session, pair) {
  const isOneRun = pair.every((one) => one.run === session.run);
  return isOneRun ? `session ${session.number}` : session.run.name + (session.number > 1 ? `, session ${session.number}` : "");
}
