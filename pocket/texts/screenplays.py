"""Dialogues as screenplays, the form that training sets are built from, and as rows of a table of screenplays.

The client's visible cue is the caption of the expression; the face itself is painted when the set is built.
"""

import csv
import io
from collections.abc import Iterable

from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.building.screenplays.parsing import format_screenplay
from mirror.prompts import format_steps
from pocket.seeds import stream
from pocket.texts.clients import Client
from pocket.texts.dialogues import Dialogue, write_dialogue
from pocket.texts.traps import TRAPS

SEED = 7
CLIENTS = 40
MODEL = "pocket"  # what wrote the dialogues: sentences by rule, no language model
DIRECTED = 0.2  # share of the therapist's lines with a stage direction, which no record contains
DIRECTIONS = ("nods", "nods slowly", "leans forward", "waits for a moment", "in a soft voice", "with a warm smile")
COLUMNS = (
    "idx",
    "model",
    "personal_info",
    "personality",
    "distorted_thought",
    "thinking_trap",
    "reason_for_seeking_counseling",
    "cbt_technique",
    "cbt_plan",
    "dialogue",
    "dominant_gender",
)


def make_dialogues(seed: int = SEED, clients: int = CLIENTS) -> list[Dialogue]:
    """Writes one dialogue for each client of a seed."""
    return [write_dialogue(Client.from_seed(seed, idx), seed) for idx in range(clients)]


def make_screenplay(dialogue: Dialogue) -> Screenplay:
    """Writes a dialogue as a screenplay: for each exchange a line of the client and one of the therapist."""
    client, lines = dialogue.client, []
    random = stream("stage directions", client.identity_seed)
    for exchange in dialogue.exchanges:
        direction = random.choice(DIRECTIONS) if random.random() < DIRECTED else ""
        lines.append(Line("client", exchange.caption, exchange.client))
        lines.append(Line("therapist", direction, exchange.therapist))
    info = ClientInfo(
        personal_info=client.personal_information,
        personality=client.personality,
        distorted_thought=client.distorted_thought,
        reason=client.reason_for_counseling,
        gender=client.gender,
        age=client.age,
    )
    return Screenplay(idx_of(client), info, dialogue.technique, dialogue.plan, tuple(lines))


def idx_of(client: Client) -> str:
    """Returns the identifier of a client's dialogue, e.g. `pocket-007-emotional-resistance`."""
    return f"pocket-{client.idx:03d}-{client.personality.lower().replace(' ', '-')}"


def format_table(dialogues: Iterable[Dialogue]) -> str:
    """Returns the dialogues as CSV with the published columns, and the client's gender."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_row, dialogues))
    return text.getvalue()


def _row(dialogue: Dialogue) -> dict[str, str]:
    screenplay, client = make_screenplay(dialogue), dialogue.client
    return {
        "idx": screenplay.idx,
        "model": MODEL,
        "personal_info": client.personal_information,
        "personality": client.personality,
        "distorted_thought": client.distorted_thought,
        "thinking_trap": TRAPS[client.worry.thought],
        "reason_for_seeking_counseling": client.reason_for_counseling,
        "cbt_technique": screenplay.technique,
        "cbt_plan": format_steps(screenplay.plan),
        "dialogue": format_screenplay(screenplay.lines),
        "dominant_gender": client.gender.capitalize(),
    }
