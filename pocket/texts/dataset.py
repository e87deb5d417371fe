"""Writes the pocket training set: records of every variant in the published format, and the drawn faces.

All variants share the same dialogues: the replies are the same, only the context differs.
"""

import json
from pathlib import Path

from PIL import Image

from mirror.prompts import VARIANTS, format_dialogue, format_plan, format_steps, own_template
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.seeds import stable_seed
from pocket.texts.clients import Client
from pocket.texts.dialogues import Dialogue, write_dialogue

SEED = 7
CLIENTS = 40
IMAGE_SIZE = 112  # side in pixels
COLOURS = 160  # of the palette, which keeps the files small
FOLDER = Path(__file__).parents[1] / "data"


def make_dialogues(seed: int = SEED, clients: int = CLIENTS) -> list[Dialogue]:
    """Writes one dialogue for each client of a seed."""
    return [write_dialogue(Client.from_seed(seed, idx), seed) for idx in range(clients)]


def make_records(dialogues: list[Dialogue], cot: str) -> list[dict]:
    """Returns the records of a variant: for each exchange a caption (EC), a plan (planning, once) and a reply.

    Raises:
        KeyError: The variant `cot` does not exist.
    """
    return [record for number, dialogue in enumerate(dialogues) for record in _records(number, dialogue, cot)]


def draw_exchange(dialogue: Dialogue, turn: int, seed: int = SEED) -> Image.Image:
    """Draws the face of one exchange: a palette image of `IMAGE_SIZE` pixels a side."""
    exchange, client = dialogue.exchanges[turn], dialogue.client
    moment = stable_seed("face", seed, client.idx, turn)
    face = draw(client.identity, EXPRESSIONS[exchange.expression], moment, IMAGE_SIZE)
    return face.quantize(COLOURS, dither=0)


def image_path(dialogue: Dialogue, turn: int) -> str:
    """Returns the path of an exchange's face relative to the folder of images."""
    return f"{dialogue.client.idx:03d}/{turn}.png"


def write_dataset(folder: Path = FOLDER, seed: int = SEED, clients: int = CLIENTS) -> None:
    """Writes `mirror_<cot>.json` for every variant and `images/<client>/<turn>.png` under `folder`."""
    dialogues = make_dialogues(seed, clients)
    for dialogue in dialogues:
        for exchange in dialogue.exchanges:
            path = folder / "images" / image_path(dialogue, exchange.turn)
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_exchange(dialogue, exchange.turn, seed).save(path, optimize=True)
    for cot in VARIANTS:
        text = json.dumps(make_records(dialogues, cot), indent=1, ensure_ascii=False)
        (folder / f"mirror_{cot}.json").write_text(text + "\n", encoding="utf-8")


def _records(number: int, dialogue: Dialogue, cot: str) -> list[dict]:
    variant, client = VARIANTS[cot], dialogue.client
    about = {
        "personal_information": client.personal_information,
        "reason_for_counseling": client.reason_for_counseling,
    }
    records, utterances = [], []

    def add(turn: int, kind: str, answer: str, **fields: str) -> None:
        human = own_template(kind, cot).render(**fields)
        records.append(
            {
                "question_id": f"{number}:{turn}:{kind}",
                "image": image_path(dialogue, turn),
                "conversations": [{"from": "human", "value": human}, {"from": "gpt", "value": answer}],
            }
        )

    for exchange in dialogue.exchanges:
        if exchange.client:
            utterances.append(("client", exchange.client))
        context = about | {"dialogue": format_dialogue(utterances)}
        # There is no plan before the client has spoken: its fields stay empty, as does the dialogue.
        planned = exchange.turn > 0
        if variant.ec:
            add(exchange.turn, "emotion_recognition", exchange.caption)
        if variant.planning and exchange.turn == 1:
            add(exchange.turn, "planning", format_plan(dialogue.technique, dialogue.plan), **context)
        if variant.ec:
            context["client_emotional_state"] = exchange.caption
        if variant.planning:
            context["technique"] = dialogue.technique if planned else ""
            context["plan"] = format_steps(dialogue.plan) if planned else ""
        add(exchange.turn, "response", exchange.therapist, **context)
        utterances.append(("therapist", exchange.therapist))
    return records
