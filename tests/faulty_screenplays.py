"""A table in the published form whose dialogues have one fault each, and portraits that have theirs.

    write(folder)   # screenplays.csv, test_clients.csv, portraits/ and portraits.csv
    FAULTS          # what a build with the published limits says of each dialogue: idx → (step, reason, what, line)

Every line names the topic of its dialogue and its place in it, so that any text can be told from any other.
"""

import csv
import io
import random
import shutil

from PIL import Image

from mirror.building.settings import BuildSettings
from tests import ROOT

HEADER = (
    "idx", "model", "personal_info", "personality", "distorted_thought", "thinking_trap",
    "reason_for_seeking_counseling", "cbt_technique", "cbt_plan", "dialogue", "img_path", "dominant_gender",
)  # fmt: skip
TOPICS = (
    "orchard", "choir", "bakery", "ferry", "attic", "violin", "harvest", "kennel", "lantern", "meadow",
    "novel", "office", "piano", "quarry", "river", "school", "tunnel", "uniform", "village", "wedding",
    "yard", "zoo", "bridge", "cellar", "desk", "engine", "forest", "garage", "harbour", "island",
    "kitchen", "library", "market", "nursery", "oven", "pharmacy", "rehearsal", "stable", "theatre", "workshop",
)  # fmt: skip
KINDS = {
    "emotional": "Emotional Resistance",
    "cognitive": "Cognitive Resistance",
    "behavioral": "Behavioral Resistance",
    "no": "No Resistance",
}
CUES = ("looks at the floor", "frowns, with tight lips", "smiles a little", "wipes a tear away", "nods slowly")
SAID = (
    "Since the {} began I wake before dawn.",
    "Nobody at the {} asks me how it goes.",
    "Perhaps I expect too much of the {}.",
    "Last week the {} was a little easier.",
    "Then I will try it before the {} opens.",
)
ANSWERED = (
    "What does the {} mean to you?",
    "So at the {} you carry it alone.",
    "How would a friend see the {}?",
    "Which part of the {} went well?",
    "Write down what the {} brings up.",
)
PLAN = "1. Name what the {} asks of you.\n2. Collect what speaks against the thought.\n3. Try one small step."
PERSONS = tuple(f"{number}" for number in range(100, 160))  # of the training portraits; 060…075 are the test clients'
FAMILY = (  # gender and years of the portraits that clients here are matched to by rule
    ("woman", 40), ("man", 59), ("man", 24), ("man", 39), ("man", 42), ("woman", 19), ("woman", 33), ("woman", 38),
    ("woman", 60), ("woman", 34), ("woman", 61), ("man", 32), ("woman", 27), ("woman", 43), ("man", 37), ("woman", 62),
)  # fmt: skip


def idx_of(number: int) -> str:
    return f"cactus-{number}-{tuple(KINDS)[number % 4]}-resistance"


def lines(topic: str, exchanges: int = 5) -> list[str]:
    """A screenplay without a fault, one text a line; the client begins."""
    found = []
    for place in range(exchanges):
        cue, said, answered = (texts[place % 5] for texts in (CUES, SAID, ANSWERED))
        found += [f"Client: [{cue}] {said.format(topic)}", f"Therapist: {answered.format(topic)}"]
    return found


def dialogue(number: int) -> dict[str, str]:
    """A row without a fault."""
    topic = TOPICS[number % 40]
    gender, age = FAMILY[number % len(FAMILY)]
    return {
        "idx": idx_of(number),
        "model": "by hand",
        "personal_info": f"Name: P{number}\nAge: {age}\nGender: {gender}\nWorks near the {topic}",
        "personality": tuple(KINDS.values())[number % 4],
        "distorted_thought": f"If the {topic} fails, I am a failure too.",
        "thinking_trap": "labeling",
        "reason_for_seeking_counseling": f"I lose sleep over the {topic}.",
        "cbt_technique": "Pie Chart Technique",
        "cbt_plan": PLAN.format(topic),
        "dialogue": "\n".join(lines(topic)),
        "img_path": "",
        "dominant_gender": gender.title(),
    }


# Faults ---------------------------------------------------------------------------------------------------------------


def _with_line(place: int, text: str, **more: str):
    """Replaces a line of the screenplay."""

    def change(row: dict[str, str]) -> dict[str, str]:
        rows = row["dialogue"].split("\n")
        rows[place] = text.format(topic=TOPICS[int(row["idx"].split("-")[1]) % 40])
        return row | {"dialogue": "\n".join(rows)} | more

    return change


def _with(**cells: str):
    return lambda row: row | cells


def _of_length(exchanges: int):
    return lambda row: row | {"dialogue": "\n".join(lines(TOPICS[int(row["idx"].split("-")[1]) % 40], exchanges))}


MADE = {  # number → what is done to its row, and what a build must say of it: step, reason, what, line
    1: (_with_line(4, "He shrugs and says nothing about the {topic}."), ("read", "odd_line", "dialogue", 4)),
    2: (_with_line(2, "Client: [nods] Yes. Therapist: I see."), ("read", "odd_line", "dialogue", 2)),
    3: (_with_line(6, "Client: [stands up] Goodbye. [/END]"), ("read", "odd_line", "dialogue", 7)),
    4: (_with_line(5, "Narrator: [sighs] The {topic} waits."), ("read", "third_speaker", "dialogue", 5)),
    5: (_with_line(2, "Client:"), ("read", "empty_line", "dialogue", 2)),
    6: (_with(reason_for_seeking_counseling="Not found"), ("read", "not_found", "dialogue", None)),
    7: (_with(distorted_thought="NaN"), ("read", "not_found", "dialogue", None)),
    8: (_with(cbt_plan="Not found"), ("read", "no_plan", "dialogue", None)),
    9: (_with(dialogue="Not found"), ("read", "no_dialogue", "dialogue", None)),
    10: (_with(personality="Stubborn"), ("read", "unknown_resistance", "dialogue", None)),
    11: (_with(idx="../etc/passwd"), ("read", "bad_idx", "dialogue", None)),
    12: (_with_line(3, "Therapist: I hear\x07 you."), ("read", "bad_character", "dialogue", None)),
    13: (
        _with_line(2, "Client: [nods] It is too much and too much and too much and too much."),
        ("text", "repeated_words", "dialogue", 2),
    ),
    14: (
        _with_line(3, "Therapist: Coffee tea milk sugar bread butter."),
        ("text", "equal_parts_of_speech", "dialogue", 3),
    ),
    15: (
        _with_line(4, "Client: [nods] If the {topic} fails, I am a failure too."),
        ("text", "copied_profile", "dialogue", 4),
    ),
    16: (_with_line(6, "Client: [cries] I want to kill myself."), ("text", "unsafe_client", "dialogue", 6)),
    17: (_with_line(7, "Therapist: You should kill yourself."), ("text", "unsafe_therapist", "dialogue", 7)),
    18: (_of_length(3), ("text", "too_few_turns", "dialogue", None)),
    19: (_of_length(21), ("text", "too_many_turns", "dialogue", None)),
    20: (_with(img_path="gone.png"), ("match", "no_such_portrait", "dialogue", None)),
    21: (_with(img_path="two_faces.png"), ("match", "no_such_portrait", "dialogue", None)),
    22: (_with(img_path="112-calm.png", dominant_gender="Man"), ("match", "another_gender", "dialogue", None)),
    23: (_with(personal_info="Age: 112\nLikes quiet"), ("match", "no_portrait_left", "dialogue", None)),
    24: (_with(personal_info="Likes quiet", dominant_gender=""), ("match", "gender_unknown", "dialogue", None)),
    25: (_with(img_path="060-calm.png", dominant_gender="Woman"), ("match", "test_person", "dialogue", None)),
    26: (lambda row: row, ("picture", "no_face", "dialogue", 4)),  # its face of line 4 is never accepted
    27: (lambda row: row, ("picture", "no_face", "dialogue", 2)),  # line 2 is always painted as another gender
    28: (_with_line(2, "Client: The {topic} is silent."), ("record", "no_direction", "turn", 2)),
    29: (_with_line(9, "Therapist: So the {topic} </s> is yours."), ("record", "control_text", "turn", 9)),
    30: (_with_line(4, "Client: [nods] Twice.\nClient: [sighs] In the {topic}."), None),  # merged
    31: (_with(idx="60-no-resistance", personality="No Resistance"), ("match", "test_client", "dialogue", None)),
}  # fmt: skip
NEVER_ACCEPTED, ANOTHER_GENDER = (idx_of(26), 4), (idx_of(27), 2)  # what the painter spoils: idx and line
REPEATED, TWICE = idx_of(32), idx_of(33)  # a row that occurs twice; an idx of two different rows
FAULTS = {change(dialogue(number))["idx"]: fault for number, (change, fault) in MADE.items() if fault is not None} | {
    REPEATED: ("read", "repeated_row", "row", None),
    TWICE: ("read", "duplicate_idx", "dialogue", None),
}


def rows() -> list[dict[str, str]]:
    """The table: forty dialogues; one of them is in two rows, and one idx has two."""
    found = [MADE[number][0](dialogue(number)) if number in MADE else dialogue(number) for number in range(40)]
    return [*found, dialogue(32), dialogue(33) | {"distorted_thought": "Nothing lasts."}]


def table_text(some, header=HEADER) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(some)
    return text.getvalue()


def write(folder, shuffle: int | None = None, odd: bool = True):
    """The sources of a build; `shuffle` is a seed for another order of rows and files."""
    table, pictures = rows(), sorted((ROOT / "pocket/sources/portraits").iterdir())
    portraits = (ROOT / "pocket/sources/portraits.csv").read_text().splitlines()
    if shuffle is not None:
        chance = random.Random(shuffle)
        chance.shuffle(table)
        chance.shuffle(pictures)
        portraits = [portraits[0], *chance.sample(portraits[1:], len(portraits) - 1)]
    (folder / "portraits").mkdir(parents=True)
    for picture in pictures:
        shutil.copyfile(picture, folder / "portraits" / picture.name)
    _two_faces(folder / "portraits/two_faces.png")
    (folder / "portraits.csv").write_text("\n".join(portraits) + "\n")
    shutil.copyfile(ROOT / "pocket/sources/test_clients.csv", folder / "test_clients.csv")
    text = table_text(table)
    if odd:  # as a spreadsheet on Windows saves it
        (folder / "screenplays.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    else:
        (folder / "screenplays.csv").write_text(text, encoding="utf-8", newline="")
    return folder


def _two_faces(path):
    both = Image.new("RGB", (256, 128))
    for place, name in enumerate(("100-calm.png", "102-calm.png")):
        with Image.open(ROOT / "pocket/sources/portraits" / name) as face:
            both.paste(face.convert("RGB").resize((128, 128)), (128 * place, 0))
    both.save(path)


def settings(folder, **changes) -> BuildSettings:
    """The pocket configuration with the sources in `folder`."""
    own = {
        "table": str(folder / "screenplays.csv"),
        "test_table": str(folder / "test_clients.csv"),
        "portraits": str(folder / "portraits"),
        "portrait_table": str(folder / "portraits.csv"),
        "run": "proof",
    }
    return BuildSettings.from_file(ROOT / "params/build/pocket.yaml", **own | changes)
