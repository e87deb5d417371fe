"""Writes the pocket training set: records of every variant in the published format, and the drawn faces.

All variants share the same dialogues: the replies are the same, only the context differs.
"""

from pathlib import Path

from mirror.prompts import VARIANTS, format_dialogue, format_plan, format_steps, own_template
from pocket.texts.dialogues import Dialogue

SEED = 7
CLIENTS = 40
IMAGE_SIZE = 112  # side in pixels
COLOURS = 160  # of the palette, which keeps the files small
FOLDER = Path(__file__).parents[1] / "data"


def make_records(dialogues: list[Dialogue], cot: str) -> list[dict]:
    """Returns the records of a variant: for each exchange a caption (EC), a plan (planning, once) and a reply.

    Raises:
        KeyError: The variant `cot` does not exist.
    """
    return [record for number, dialogue in enumerate(dialogues) for record in _records(number, dialogue, cot)]


def image_path(dialogue: Dialogue, turn: int) -> str:
    """Returns the path of an exchange's face relative to the folder of images."""
    return f"{dialogue.client.idx:03d}/{turn}.png"


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
