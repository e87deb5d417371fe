"""Writes a training set in the form of the published sample records, with words of its own.

Image paths are absolute on another machine, no record asks for a plan, technique and plan stand in the prompt under
CACTUS's names, the window of utterances has no stage directions, and some fields hold "Not found".
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mirror.prompts import Variant
from tests import ROOT

FOREIGN = "/home/someone/work/counsel/utterances_336"  # where the pictures lay on that other machine
NOT_FOUND = "Not found"
TECHNIQUES = (
    "Efficiency Evaluation", "Pie Chart Technique", "Alternative Perspective", "Decatastrophizing",
    "Pros and Cons Analysis", "Evidence-Based Questioning", "Reality Testing", "Continuum Technique",
    "Changing Rules to Wishes", "Behavior Experiment", "Problem-Solving Skills Training", "Systematic Exposure",
)  # fmt: skip
NAMES = "Ana Bo Chidi Dana Emre Fay Goran Hana Ines Jun Kofi Lea Mirko Nadia Otto Priya Quinn Rosa Sami Tove".split()
SURNAMES = "Adler Brandt Castro Dietz Ekström Farkas Greene Hall Ito Jonas Klein Lopez Moreau Novak Okafor".split()
JOBS = "a nurse|a bus driver|a teacher|a student of law|a baker|an accountant|a gardener|out of work".split("|")
HOMES = "lives alone|lives with two children|shares a flat|lives with a partner|cares for her mother".split("|")
TOPICS = "my exam|my marriage|my new job|the move|my daughter|my health|the accident|my brother|the rent".split("|")
FEARS = "I will fail again|they all laugh at me|nobody needs me|it is my fault|I will be left alone".split("|")
TIMES = "every night|since last spring|on Sundays|whenever the phone rings|for years|at work".split("|")
CUES = "looks down, brows drawn|smiles thinly|crosses arms, lips tight|eyes wet|shrugs|glances at the door".split("|")
ASKED = "How long has it been so?|What went through your mind?|What would a friend say?|Where is it felt?".split("|")
SEEN = "You look tired|You seem tense|Something in that hurt you|I hear how much this weighs".split("|")
TITLES = "Name the thought|Look at the evidence|Try another view|A small step|Look back".split("|")
KINDS_OF_RESISTANCE = ("emotional-resistance", "cognitive-resistance", "behavioral-resistance", "no-resistance")


@dataclass(frozen=True)
class Form:
    """Where the values of a set stand: behind their label on its line, or on the line below."""

    technique_below: bool
    plan_below: bool
    bullets: bool = True  # `- CBT technique:` or `CBT technique:`
    many_lines: bool = False  # personal information as `Name: …`, `Age: …`, a line each
    missing: bool = True  # whether some fields hold "Not found"
    window: int = 6  # utterances that a prompt shows


FORMS = {
    "base": Form(False, False),
    "ec": Form(False, False, many_lines=True),
    "planning": Form(technique_below=True, plan_below=True, many_lines=True),
    "ec_planning": Form(technique_below=False, plan_below=False),
}


@dataclass(frozen=True)
class Person:
    idx: str
    portrait: str
    personal_information: str
    reason: str
    technique: str
    plan: str


def write_set(folder: Path, cot: str, dialogues: int, form: Form | None = None, seed: int = 0) -> tuple[Path, Path]:
    """Writes the records of a variant and small pictures; returns the file and the folder of its pictures."""
    rows = records(cot, dialogues, form or FORMS[cot], seed)
    pictures = sorted((ROOT / "pocket/data/images").rglob("*.png"))
    for row in rows:
        path = folder / "pictures" / row["image"].removeprefix(f"{Path(FOREIGN).parent}/")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(pictures[sum(path.name.encode()) % len(pictures)]) as picture:
                picture.convert("RGB").resize((48, 48)).save(path)
    file = folder / f"mirror_{cot}.json"
    file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return file, folder / "pictures"


def records(cot: str, dialogues: int, form: Form, seed: int = 0) -> list[dict]:
    """The records of a variant. The same seed gives the same dialogues for every variant and form."""
    rows = []
    for number in range(dialogues):
        rng = random.Random(f"{seed}:{number}")
        person = make_person(number, rng, form)
        spoken: list[tuple[str, str]] = []
        cue = ""
        for turn, (role, seen, words) in enumerate(screenplay(rng)):
            if role == "Therapist" and cue:
                rows += turn_records(cot, person, turn, cue, spoken[-form.window :], words, form)
            cue = seen or cue
            spoken.append((role, words))
    return rows


def turn_records(cot, person, turn, cue, spoken, answer, form) -> Iterator[dict]:
    """The records of one therapist's turn: the face's caption where the variant has it, and the reply."""
    image = f"{FOREIGN}/{person.idx}/turn:{turn - 1}_{person.portrait}.png"
    if Variant.of(cot).ec:
        yield record(f"{person.idx}:{turn}:emotion_recognition", image, "Say in a few words what this face shows.", cue)
    yield record(f"{person.idx}:{turn}:response", image, prompt(cot, person, cue, spoken, form), answer)


def record(question_id: str, image: str, human: str, answer: str) -> dict:
    talk = [{"from": "human", "value": f"<image>\n{human}"}, {"from": "gpt", "value": answer}]
    return {"question_id": question_id, "image": image, "conversations": talk}


def prompt(cot: str, person: Person, cue: str, spoken: list[tuple[str, str]], form: Form) -> str:
    """The human turn of a reply, behind its image."""
    variant, bullet = Variant.of(cot), "- " if form.bullets else ""
    lines = ["This picture was taken of the client a moment ago."]
    lines.append(f"- Personal Information: {person.personal_information}")
    if variant.ec:
        lines.append(f"- Client Emotional State: {cue}")
    lines.append(f"- Reason for Counseling: {person.reason}")
    if variant.planning:
        lines += labeled(f"{bullet}CBT technique:", person.technique, form.technique_below)
        lines += labeled(f"{bullet}Counseling planning:", person.plan, form.plan_below)
    lines += ["", "These words were exchanged last:", *(f"{role}: {words}" for role, words in spoken)]
    return "\n".join([*lines, "", "Take the face and the words into account and say what the therapist says next."])


def labeled(label: str, value: str, below: bool) -> list[str]:
    return [label, value] if below else [f"{label} {value}"]


def make_person(number: int, rng: random.Random, form: Form) -> Person:
    def or_missing(text: str, share: float) -> str:
        absent = rng.random() < share  # drawn in any case, so that all forms tell of the same people
        return NOT_FOUND if absent and form.missing else text

    name, age = f"{rng.choice(NAMES)} {rng.choice(SURNAMES)}", rng.randint(18, 80)
    facts = [("Name", name), ("Age", str(age)), ("Occupation", rng.choice(JOBS)), ("Home", rng.choice(HOMES))]
    told = ("\n" if form.many_lines else ", ").join(f"{label}: {value}" for label, value in facts)
    reason = (
        f"I can’t stop thinking about {rng.choice(TOPICS)} {rng.choice(TIMES)}. I tell myself “{rng.choice(FEARS)}.”"
    )
    if rng.random() < 0.4:
        reason += f"\nIt began {rng.choice(TIMES)}, with {rng.choice(TOPICS)} and {rng.choice(TOPICS)}."
    return Person(
        f"cactus-{100 + number}-{rng.choice(KINDS_OF_RESISTANCE)}",
        f"{rng.randint(1, 202599):06d}",
        or_missing(told, 0.02),
        or_missing(reason, 0.03),
        or_missing(rng.choice(TECHNIQUES), 0.03),
        or_missing(make_plan(rng), 0.03),
    )


def make_plan(rng: random.Random) -> str:
    """Numbered steps, some with a bold title, a quotation, a line below or a blank line between."""
    steps = []
    bold, blank = rng.random() < 0.5, rng.random() < 0.3
    for number, title in enumerate(rng.sample(TITLES, rng.randint(3, 5)), 1):
        head = f"**{title}**: " if bold else f"{title}: "
        step = f"{number}. {head}ask about “{rng.choice(FEARS)}” and {rng.choice(TOPICS)}; don’t hurry."
        steps.append(step + f"\n   - Note what was said about {rng.choice(TOPICS)}." * (rng.random() < 0.15))
    return ("\n\n" if blank else "\n").join(steps)


def screenplay(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """(role, stage direction, words) in turn; either may begin, and a client may say nothing."""
    roles = ["Therapist", "Client"] if rng.random() < 0.6 else ["Client", "Therapist"]
    for turn in range(rng.randint(4, 11)):
        if roles[turn % 2] == "Therapist":
            yield "Therapist", "", f"{rng.choice(SEEN)}. {rng.choice(ASKED)} Is it about {rng.choice(TOPICS)}?"
        else:
            words = f"It’s {rng.choice(TOPICS)}, {rng.choice(TIMES)}. Maybe {rng.choice(FEARS)}."
            yield "Client", f"{rng.choice(CUES)}, {rng.choice(CUES)}", "" if rng.random() < 0.04 else words
