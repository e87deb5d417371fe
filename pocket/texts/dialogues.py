"""Short CBT-style dialogues: how a client's mood moves, what is said, and how the therapist answers what shows.

Knows nothing of faces, files or prompts.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from random import Random

from pocket.drawing.expressions import EXPRESSIONS, Expression
from pocket.seeds import stream
from pocket.texts.clients import Client
from pocket.texts.persons import second_person, third_person
from pocket.texts.speech import AMBIGUOUS, CARING, NAMING, REACTIONS, STAYING, UNAMBIGUOUS, WELCOME
from pocket.texts.techniques import TECHNIQUES

EXCHANGES = 6
REACTING = 0.4  # of a client's utterances begin with a reaction to the feeling that was named
RELAPSE = 0.5  # of open clients
STAGES = ("closed", "wavering", "open")

# The moods that a client's resistance shows in, from closed to open.
MOODS = {
    "Emotional": (
        ("irritated", "tearful", "anxious"),
        ("sad", "tearful", "irritated", "tired"),
        ("relieved", "calm", "attentive"),
    ),
    "Cognitive": (
        ("skeptical", "guarded", "irritated"),
        ("skeptical", "surprised", "guarded"),
        ("attentive", "surprised", "calm"),
    ),
    "Behavioral": (
        ("withdrawn", "guarded", "tired"),
        ("withdrawn", "skeptical", "anxious", "tired"),
        ("attentive", "relieved", "calm"),
    ),
    "No Resistance": (
        ("sad", "anxious", "tearful"),
        ("sad", "tired", "surprised", "withdrawn"),
        ("relieved", "calm", "attentive"),
    ),
}
# The move that each resistance takes badly: it closes the client instead of opening.
ADVERSE_MOVES = {"Emotional": "explore", "Cognitive": "challenge", "Behavioral": "practice", "No Resistance": None}


@dataclass(frozen=True)
class Exchange:
    """One turn of both. `client` is empty in the first exchange: the client shows a face and says nothing.

    `caption` is one of the expression's captions, `ambiguous` says that the client's words fit every face; before them
    may stand a reaction to the feeling that was named before.
    """

    turn: int
    expression: str
    caption: str
    client: str
    ambiguous: bool
    therapist: str


@dataclass(frozen=True)
class Dialogue:
    """A client's exchanges, and the plan that the therapist follows from the second one on."""

    client: Client
    technique: str
    plan: tuple[str, ...]
    exchanges: tuple[Exchange, ...]


def write_dialogue(client: Client, seed: int) -> Dialogue:
    """The dialogue of a client; the same client and seed give the same words."""
    random, reacting = stream("dialogue", seed, client.idx), stream("reactions", seed, client.idx)
    technique = TECHNIQUES[client.technique]
    own, addressed, about = _slots(client, random)
    exchanges: list[Exchange] = []
    stage, done, move, said = 0, 0, "welcome", Counter()
    for turn in range(EXCHANGES):
        stage = next_stage(client.resistance, stage, move, random) if turn else stage
        shown = exchanges[-1].expression if exchanges else ""
        expression = EXPRESSIONS[random.choice([m for m in MOODS[client.resistance][stage] if m != shown])]
        feeling = random.choice(expression.feelings)
        ambiguous = turn > 0 and random.random() < 0.5
        words = _fresh(random, AMBIGUOUS if ambiguous else UNAMBIGUOUS[expression.name], said) if turn else ""
        words = _sentence(words.format(**own))
        if turn and reacting.random() < REACTING:
            named = exchanges[-1].caption.removeprefix("Looks ")
            reaction = reacting.choice(REACTIONS).format(feeling=named, Feeling=_sentence(named))
            words = f"{reaction} {words}"
        if not turn:
            move, sentences = "welcome", ()
        elif expression.name in STAYING:
            move, sentences = "stay", STAYING[expression.name]
        else:
            step = done % len(technique.moves)  # it begins again when it is through
            move, sentences = technique.moves[step], technique.says[step]
            done += 1
        exchanges.append(
            Exchange(
                turn=turn,
                expression=expression.name,
                caption=f"Looks {feeling}",
                client=words,
                ambiguous=ambiguous,
                therapist=reply(expression, feeling, sentences, addressed, random),
            )
        )
    plan = tuple(step.format(**about) for step in technique.steps)
    return Dialogue(client, client.technique, plan, tuple(exchanges))


def next_stage(resistance: str, stage: int, move: str, random: Random) -> int:
    """How open the client is after the therapist's move: 0 closed … 2 open.

    A sore move mostly closes a client who was about to open; any other move mostly opens. Who is open does not always
    stay so.
    """
    if stage == len(STAGES) - 1 and random.random() < RELAPSE:
        return random.randrange(stage)
    if move == ADVERSE_MOVES[resistance]:
        return max(0, stage - 1) if random.random() < 0.6 else stage
    return min(len(STAGES) - 1, stage + 1) if random.random() < 0.75 else stage


def reply(expression: Expression, feeling: str, sentences: tuple[str, ...], slots: dict, random: Random) -> str:
    """What the therapist says: name the feeling that shows, care for it, then one of `sentences`; none welcomes."""
    caring = random.choice(CARING[expression.name])
    namings = NAMING[expression.name]
    if not sentences:
        # The welcome has the name already.
        naming = random.choice([n for n in namings if "{name}" not in n]).format(feeling=feeling)
        return random.choice(WELCOME).format(naming=naming, caring=caring, name=slots["name"])
    naming = random.choice(namings).format(feeling=feeling, name=slots["name"])
    return " ".join((naming, caring, _sentence(random.choice(sentences).format(**slots))))


def _slots(client: Client, random: Random) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What the braces hold: in the client's words, in the therapist's, and in a plan about the client."""
    own = {key: value for key, value in asdict(client.worry).items() if isinstance(value, str)}
    own |= {"cause": random.choice(client.worry.causes), "name": client.name}
    quoted = {key: own[key] for key in ("thought", "rule", "wish")}
    addressed = {key: second_person(value) for key, value in own.items()} | quoted
    about = {key: third_person(value) for key, value in own.items()} | quoted
    return own, addressed, about


def _fresh(random: Random, sentences: tuple[str, ...], said: Counter) -> str:
    """One of the sentences that this client has said least often."""
    least = min(said[sentence] for sentence in sentences)
    sentence = random.choice([s for s in sentences if said[s] == least])
    said[sentence] += 1
    return sentence


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
