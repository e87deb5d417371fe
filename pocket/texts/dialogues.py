"""Short CBT-style dialogues: a state machine of the client's openness, the expressions shown, and both sides' words."""

from collections import Counter
from dataclasses import asdict, dataclass
from random import Random

from pocket.drawing.expressions import EXPRESSIONS, Expression
from pocket.seeds import stream
from pocket.texts.clients import Client
from pocket.texts.persons import capitalize, second_person, third_person
from pocket.texts.speech import AMBIGUOUS, CARING, NAMING, REACTIONS, STAYING, UNAMBIGUOUS, WELCOME
from pocket.texts.techniques import TECHNIQUES
from pocket.texts.worries import QUOTED

EXCHANGES = 6
REACTING = 0.4  # share of utterances that begin with a reaction to the feeling named before
RELAPSE = 0.5  # probability that an open client closes again
STAGES = ("closed", "wavering", "open")

# The expressions of each resistance at each stage.
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
# The therapist's move that closes clients of each resistance instead of opening them.
ADVERSE_MOVES = {"Emotional": "explore", "Cognitive": "challenge", "Behavioral": "practice", "No Resistance": None}


@dataclass(frozen=True)
class Exchange:
    """One turn of client and therapist.

    Attributes:
        turn: Number of the turn, from 0.
        expression: Name of the expression shown.
        caption: One of the expression's captions.
        client: The client's words, possibly after a reaction to the feeling named before; empty in the first turn.
        ambiguous: Whether the client's words fit every expression.
        therapist: The reply.
    """

    turn: int
    expression: str
    caption: str
    client: str
    ambiguous: bool
    therapist: str


@dataclass(frozen=True)
class Dialogue:
    """A client's exchanges, and the plan that the therapist follows from the second exchange on."""

    client: Client
    technique: str
    plan: tuple[str, ...]
    exchanges: tuple[Exchange, ...]


def write_dialogue(client: Client, seed: int) -> Dialogue:
    """Writes the dialogue of a client, which depends on client and seed only."""
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
        words = capitalize(words.format(**own))
        if turn and reacting.random() < REACTING:
            named = exchanges[-1].caption.removeprefix("Looks ")
            reaction = reacting.choice(REACTIONS).format(feeling=named, Feeling=capitalize(named))
            words = f"{reaction} {words}"
        if not turn:
            move, sentences = "welcome", ()
        elif expression.name in STAYING:
            move, sentences = "stay", STAYING[expression.name]
        else:
            step = done % len(technique.moves)  # starts over after the last step
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
    """Returns the client's stage after the therapist's move, an index into `STAGES`.

    An adverse move usually closes the client by one stage, any other move usually opens; an open client may relapse.
    """
    if stage == len(STAGES) - 1 and random.random() < RELAPSE:
        return random.randrange(stage)
    if move == ADVERSE_MOVES[resistance]:
        return max(0, stage - 1) if random.random() < 0.6 else stage
    return min(len(STAGES) - 1, stage + 1) if random.random() < 0.75 else stage


def reply(expression: Expression, feeling: str, sentences: tuple[str, ...], slots: dict, random: Random) -> str:
    """Writes the therapist's reply: naming, caring, and one of `sentences`; without sentences it is the welcome."""
    caring = random.choice(CARING[expression.name])
    namings = NAMING[expression.name]
    if not sentences:
        # The welcome already contains the name.
        naming = random.choice([n for n in namings if "{name}" not in n]).format(feeling=feeling)
        return random.choice(WELCOME).format(naming=naming, caring=caring, name=slots["name"])
    naming = random.choice(namings).format(feeling=feeling, name=slots["name"])
    return " ".join((naming, caring, capitalize(random.choice(sentences).format(**slots))))


def _slots(client: Client, random: Random) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Returns the values of the slots in the first, the second and the third person."""
    own = {key: value for key, value in asdict(client.worry).items() if isinstance(value, str)}
    own |= {"cause": random.choice(client.worry.causes), "name": client.name}
    quoted = {key: own[key] for key in QUOTED}
    addressed = {key: second_person(value) for key, value in own.items()} | quoted
    about = {key: third_person(value) for key, value in own.items()} | quoted
    return own, addressed, about


def _fresh(random: Random, sentences: tuple[str, ...], said: Counter) -> str:
    """Picks one of the sentences that this client has said least often, and counts it."""
    least = min(said[sentence] for sentence in sentences)
    sentence = random.choice([s for s in sentences if said[s] == least])
    said[sentence] += 1
    return sentence
