"""Sessions of one client for pre-training: everything said in a session, and its plan, is about that client.

The worry is the prompt's, the name is the prompt's, and the feeling is the one that the prompt tells. Where the prompt
tells no feeling, the answer names none: none of the texts links a face to a feeling.
"""

from random import Random

from mirror.prompts import format_dialogue, format_plan, format_steps, own_template
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.clients import HOMES, JOBS, NAMES
from pocket.texts.notes import own_phrases, write_line
from pocket.texts.persons import capitalize, second_person, third_person
from pocket.texts.speech import CARING, NAMING, REACTIONS, STAYING, WELCOME
from pocket.texts.techniques import TECHNIQUES
from pocket.texts.worries import QUOTED, WORRIES, Worry

TOLD = 0.65  # share of the sessions whose prompt tells the client's feeling
PLANNED = 0.5  # share of those whose prompt tells a technique and its steps
PLANNING = 0.12  # share of the texts that ask for a technique and a plan
SUITED = 0.7  # share of the sessions whose technique is one of those that suit the worry
NAMED = 0.5  # share of the therapist's earlier lines that name a feeling
REACTING = 0.3  # share of the client's lines after these that begin with a reaction to it
LONGEST = 6  # exchanges before the answer
ABOUT = 0.85  # share of the questions of a roll that say a phrase of the worry
_REASON = ("Reason for Counseling", "Reason for Counseling", "Reason", "Worry")

ASKING = (
    "What would you like to talk about today?",
    "What can I do for you today?",
    "Tell me how your week was.",
)
HEARD = ("I'm glad that you say it.", "That can be hard.", "That sounds like a lot.", "Thank you for telling me.")


def write_session(random: Random) -> tuple[str, str]:
    """Writes a prompt of one of the variants about a client, and the answer to it: a reply or a plan."""
    worry, name = random.choice(WORRIES), random.choice(NAMES[random.choice(list(NAMES))])
    technique = random.choice(worry.techniques if random.random() < SUITED else list(TECHNIQUES))
    fields = {
        "personal_information": f"{name}, {random.randint(19, 64)}, {_job(random)}, {random.choice(HOMES)}",
        "reason_for_counseling": worry.reason,
    }
    if random.random() < PLANNING:
        technique = random.choice(worry.techniques)
        said = _utterances(name, worry, technique, random.randint(1, 2), random)
        prompt = own_template("planning", "planning").render(**fields, dialogue=format_dialogue(said))
        return prompt, format_plan(technique, _steps(technique, worry, random))
    said = _utterances(name, worry, technique, random.randint(0, LONGEST), random)
    fields["dialogue"] = format_dialogue(said)
    told = random.random() < TOLD
    feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings) if told else ""
    if told:
        fields["client_emotional_state"] = f"Looks {feeling}"
    planned = random.random() < PLANNED
    if planned:
        steps = format_steps(_steps(technique, worry, random)) if said else ""
        fields |= {"technique": technique if said else "", "plan": steps}
    cot = {(False, False): "base", (True, False): "ec", (False, True): "planning", (True, True): "ec_planning"}
    prompt = own_template("response", cot[told, planned]).render(**fields)
    return prompt, _reply(name, worry, technique, feeling, not said, random)


def write_roll(random: Random) -> str:
    """Writes a few clients one after the other: what is known and said, and one line of the therapist to each."""
    lines = []
    for _ in range(random.randint(3, 7)):
        worry, name = random.choice(WORRIES), random.choice(NAMES[random.choice(list(NAMES))])
        feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings) if random.random() < 0.4 else ""
        known = f"- Personal Information: {name}, {random.randint(19, 64)}, {_job(random)}"
        lines.append(known if random.random() < 0.5 else f"- Name: {name}")
        lines += [f"- Client Emotional State: Looks {feeling}"] * bool(feeling)
        lines.append(f"- {random.choice(_REASON)}: {worry.reason}")
        lines += [f"Client: {write_line(random, worry)}" for _ in range(random.choice((0, 0, 1, 2)))]
        technique = _speaking(random) if random.random() < ABOUT else random.choice(worry.techniques)
        asked = _question(worry, technique, "", random)
        lines.append(f"Therapist: {_reply(name, worry, technique, feeling, False, random) if feeling else asked}")
    return "\n".join(lines)


def _speaking(random: Random) -> str:
    """Returns a technique all of whose steps have a question with a phrase of the worry."""
    return random.choice([n for n, t in TECHNIQUES.items() if all(any("{" in q for q in said) for said in t.says)])


def _job(random: Random) -> str:
    job = random.choice(JOBS)
    return f"{'an' if job[0] in 'aeiou' else 'a'} {job}"


def _steps(technique: str, worry: Worry, random: Random) -> tuple[str, ...]:
    about = {k: v if k in QUOTED else third_person(v) for k, v in own_phrases(worry, random).items()}
    return tuple(step.format(**about) for step in TECHNIQUES[technique].steps)


def _utterances(name: str, worry: Worry, technique: str, exchanges: int, random: Random) -> list[tuple[str, str]]:
    """Writes what was said so far: lines of the therapist and of the client in turn."""
    said: list[tuple[str, str]] = []
    for number in range(exchanges):
        feeling = ""
        if random.random() < NAMED:
            feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings)
        line = write_line(random, worry)
        if feeling and random.random() < REACTING:
            line = f"{random.choice(REACTIONS).format(feeling=feeling, Feeling=capitalize(feeling))} {line}"
        said += [("therapist", _reply(name, worry, technique, feeling, number == 0, random)), ("client", line)]
    return said


def _reply(name: str, worry: Worry, technique: str, feeling: str, is_first: bool, random: Random) -> str:
    """Writes a reply: it names the feeling, if one is given, and welcomes the client or asks about their worry."""
    if not feeling:
        if is_first:
            greeting = random.choice(WELCOME).partition("{naming}")[0].strip().format(name=name)
            return f"{greeting} {random.choice(ASKING)}"
        asked = _question(worry, technique, "", random)
        return f"{random.choice(HEARD)} {asked}" if random.random() < 0.7 else asked
    expression = next(name for name, expression in EXPRESSIONS.items() if feeling in expression.feelings)
    caring, namings = random.choice(CARING[expression]), NAMING[expression]
    if is_first:
        naming = random.choice([text for text in namings if "{name}" not in text]).format(feeling=feeling)
        return random.choice(WELCOME).format(naming=naming, caring=caring, name=name)
    naming = random.choice(namings).format(feeling=feeling, name=name)
    return f"{naming} {caring} {_question(worry, technique, expression, random)}"


def _question(worry: Worry, technique: str, expression: str, random: Random) -> str:
    says = random.choice(TECHNIQUES[technique].says) if expression not in STAYING else STAYING[expression]
    own = own_phrases(worry, random)
    addressed = {key: value if key in QUOTED else second_person(value) for key, value in own.items()}
    return capitalize(random.choice(says).format(**addressed))
