"""Screenplays with portraits and pictures of their own, as the steps before the records leave them."""

import random
from dataclasses import replace

from PIL import Image

from mirror.building.portrait import Portrait
from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.prompts import TECHNIQUES

WORDS = "my mother calls at night and i never sleep since work feels like too much for one tired person now".split()
KINDS = ("Emotional Resistance", "Cognitive Resistance", "Behavioral Resistance", "No Resistance")
NAMES = ("emotional-resistance", "cognitive-resistance", "behavioral-resistance", "no-resistance")


def sentence(chance, most=9):
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(3, most))).capitalize() + "."


def make_screenplays(folder, number=6, seed=0, silent_start=True):
    """Dialogues of 3 to 6 exchanges, one a client; the client comes in without words if `silent_start`."""
    return [make_screenplay(folder, index, seed, silent_start) for index in range(1, number + 1)]


def make_screenplay(folder, index, seed=0, silent_start=True):
    chance = random.Random(f"{seed}:{index}")
    lines = []
    for exchange in range(chance.randint(3, 6)):
        cue = f"{chance.choice(('looks', 'glances'))} {chance.choice(('away', 'down', 'up'))}, {sentence(chance, 5)}"
        lines.append(Line("client", cue, "" if silent_start and not exchange else sentence(chance)))
        lines.append(Line("therapist", "nods" if exchange % 2 else "", sentence(chance)))
    kind = index % 4
    screenplay = Screenplay(
        idx=f"cactus-{index}-{NAMES[kind]}",
        info=ClientInfo(
            personal_info=f"Name: Ana {index}\nAge: {chance.randint(18, 80)}\nOccupation: {chance.choice(WORDS)}",
            personality=KINDS[kind],
            distorted_thought=sentence(chance),
            reason=sentence(chance),
            gender="woman",
            name=f"Ana {index}",
        ),
        technique=TECHNIQUES[index % 12],
        plan=tuple(sentence(chance) for _ in range(chance.randint(2, 4))),
        lines=tuple(lines),
        portrait=make_portrait(folder, index),
    )
    pictures = {
        turn: make_picture(folder / f"{index}-{turn}.png", (index * 40 % 256, turn * 20 % 256, seed % 256))
        for turn in screenplay.client_lines
    }
    return replace(screenplay, pictures=pictures)


def make_portrait(folder, index):
    name = f"{4711 + index:06d}"
    file = make_picture(folder / f"{name}.png", (index % 256, 255, index // 256))
    return Portrait(name, (file,), person=f"person {index}", gender="woman", age=40)


def make_clients(folder, number=3, first=101):
    """Test clients: screenplays without lines and pictures."""
    return [replace(make_screenplay(folder, index), lines=(), pictures={}) for index in range(first, first + number)]


def make_picture(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 24), color).save(path, compress_level=0)  # of one size, whatever the color
    return path
