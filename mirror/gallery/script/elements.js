// Elements of the page. Texts come from transcripts, so anybody may have written them: they are only ever set as text,
// each in a direction of its own, and very long ones are folded.
const LONG = 6000; // characters of a text that are shown at first
const SVG = "http://www.w3.org/2000/svg";

function make(tag, properties = {}, ...children) {
  const {dataset = {}, attributes = {}, ...others} = properties;
  const made = Object.assign(document.createElement(tag), others);
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const text = (tag, className, words, properties = {}) => make(tag, {className, textContent: words, ...properties});
// Marks that turn the direction of what follows have no business in a title or a name of a file.
const plain = (words) => words.replace(/[\u0000-\u001f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ");
const numerals = new Intl.NumberFormat("en");
const count = (number, noun) => `${numerals.format(number)} ${noun}${number === 1 ? "" : "s"}`;

// A picture of a session, by its number there; `paint` fills it once the session's pictures are there.
function picture(session, number, alt, className) {
  if (typeof number === "string") return text("p", "note bad", `${number}`);
  return make("img", {alt, className, decoding: "async", dataset: {at: session.at, number}});
}

let painting = 0; // sessions whose pictures are on their way into an article

// Fills the pictures of an article; those of a session that the file lacks are said.
function paint(root) {
  for (const at of new Set([...root.querySelectorAll("img[data-number]")].map((one) => one.dataset.at))) {
    painting += 1;
    whenThere(() => picturesOf(sessions[at]), (urls) => {
      painting -= 1;
      const images = root.querySelectorAll(`img[data-number][data-at="${at}"]`);
      for (const image of images) if (urls?.[image.dataset.number]) image.src = urls[image.dataset.number];
      if (!urls && images.length) {
        root.querySelector(".person").after(text("p", "alert", `The pictures of this session are missing from this file or damaged. ${REMEDY}`));
      }
    });
  }
  return root;
}

// A line of trust: points of 0 to 100 by turn.
function trustLine(turns) {
  const points = turns.filter(({trust}) => trust).map(({number, trust}) => ({number, points: trust.points}));
  if (!points.length) return null;
  const line = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "polyline");
  const last = Math.max(2, points.at(-1).number), x = (number) => 2 + 116 * (number - 1) / (last - 1);
  const set = (element, values) => Object.entries(values).forEach(([name, value]) => element.setAttribute(name, value));
  set(line, {viewBox: "0 0 120 28", width: 120, height: 28, role: "img",
    "aria-label": `trust by turn: ${points.map((one) => one.points).join(", ")}`});
  set(path, {points: points.map((one) => `${x(one.number).toFixed(1)},${(26 - one.points * 0.24).toFixed(1)}`).join(" ")});
  line.append(path);
  const words = `trust ${points[0].points} → ${points.at(-1).points}`;
  return make("p", {className: "trust-line"}, text("span", "", words), line);
}
