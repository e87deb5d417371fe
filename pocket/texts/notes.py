"""More pre-training texts: record look-ups, copying exercises, accounts of worries, therapists' and clients' sentences.

None of them links a face to a feeling, or a sentence to its place in a session.
"""

from dataclasses import asdict
from functools import cache
from random import Random
from string import Formatter

from mirror.clients.script import load_script
from mirror.prompts import format_plan, format_steps
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.clients import HOMES, JOBS, NAMES
from pocket.texts.persons import capitalize, second_person, third_person
from pocket.texts.speech import AMBIGUOUS, CARING, NAMING, STAYING, UNAMBIGUOUS, WELCOME
from pocket.texts.techniques import TECHNIQUES
from pocket.texts.worries import QUOTED, WORRIES, Worry

_ACCOUNTS = (
    "I think: {thought}.",
    'I often think "{thought}".',
    "It is about {event}.",
    "I'm afraid of {worst}.",
    "And yet {fact}.",
    "It could also be that {other}.",
    "Perhaps it comes from {cause}.",
    'My rule is "{rule}".',
    "I would rather say: {wish}.",
    "I could {act}.",
    "I could begin with less and {first}.",
)
_ASKING_STEPS = ("Which steps does {technique} have, for {event}?", "How does {technique} go about {event}?")
_ASKING_TECHNIQUE = ("What could help with {event}?", "{name} comes with {event}. Which technique fits, and how?")
_MOODS = ("Looks {feeling}", "{feeling}", "Is {feeling}", "Seems {feeling}")
_ALL_NAMES = [name for names in NAMES.values() for name in names]
_EXPRESSION = {feeling: name for name, expression in EXPRESSIONS.items() for feeling in expression.feelings}


def write_lookup(random: Random) -> list[tuple[str, str]]:
    """Writes a chat of questions about one to three people, answered from their records in the first prompt."""
    names = random.sample(_ALL_NAMES, random.randint(1, 3))
    records = {name: _record(name, random) for name in names}
    blocks = ["\n".join(f"- {key}: {value}" for key, value in record.items()) for record in records.values()]
    turns, before = [], "\n".join(blocks) + "\n"
    for _ in range(random.randint(2, 5)):
        question, answer = _look_up(random.choice(names), records, random)
        turns.append((before + question, answer))
        before = ""
    return turns


def _record(name: str, random: Random) -> dict[str, str]:
    feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings)
    facts = {
        "Age": str(random.randint(19, 64)),
        "Work": random.choice(JOBS),
        "Mood": random.choice(_MOODS).format(feeling=feeling),
        "Worry": random.choice(WORRIES).event,
        "Home": random.choice(HOMES),
    }
    kept = random.sample(list(facts), random.randint(1, len(facts)))
    return {"Name": name} | {key: facts[key] for key in kept}


def _look_up(name: str, records: dict[str, dict[str, str]], random: Random) -> tuple[str, str]:
    """Writes a question about the person and the answer from the record; moods are asked for most."""
    record = records[name]
    keys = [key for key in record if key != "Name"]
    key = "Mood" if "Mood" in keys and random.random() < 0.6 else random.choice(keys)
    value = record[key]
    feeling = value.split(" ", 1)[1] if value.split(" ")[0] in ("Looks", "Is", "Seems") else value
    if key == "Mood":
        verb = random.choice(("is", "looks", "seems"))
        asking = (f"How is {name}?", f"What does {name} look like today?", f"Speak to {name}.")
        question = random.choice(asking)
        if question.startswith("Speak"):
            return question, random.choice((f"You seem {feeling}, {name}.", f"{name}, I hear that you are {feeling}."))
        return question, f"{name} {verb} {feeling}."
    article = "an" if value[0] in "aeiou" else "a"
    return {
        "Age": (f"How old is {name}?", f"{name} is {value}."),
        "Work": (f"What is the work of {name}?", f"{name} is {article} {value}."),
        "Worry": (f"What is on the mind of {name}?", f"It is {second_person(value)}."),
        "Home": (f"How does {name} live?", f"{name} {value}."),
    }[key]


def write_drill(random: Random) -> str:
    """Writes an exercise in copying words from the context: moods to address, attributes to repeat, lists of words."""
    kind = random.random()
    feelings = [random.choice(e.feelings) for e in random.choices(list(EXPRESSIONS.values()), k=8)]
    if kind < 0.5:
        label = random.choice(("Mood", "State", "Client's Mood", "Emotional State", "The face"))
        lines = []
        for feeling in feelings[: random.randint(3, 8)]:
            name, expression = random.choice(_ALL_NAMES), _EXPRESSION[feeling]
            naming = random.choice(NAMING[expression]).format(feeling=feeling, name=name)
            caring = f" {random.choice(CARING[expression])}" * (random.random() < 0.4)
            lines += [f"- Name: {name}", f"- {label}: {random.choice(_MOODS).format(feeling=feeling)}"]
            lines.append(f"{naming}{caring}")
        return "\n".join(lines)
    if kind < 0.75:
        names = random.sample(_ALL_NAMES, random.randint(2, 6))
        roll = [f"{name}: {feeling}" for name, feeling in zip(names, feelings, strict=False)]
        said = [f"{name} is {feeling}." for name, feeling in zip(names, feelings, strict=False)]
        return "\n".join([*roll, " ".join(random.sample(said, len(said)))])
    words = random.sample([*_ALL_NAMES, *JOBS, *_EXPRESSION], random.randint(5, 16))
    return "\n".join([" ".join(words)] * random.randint(2, 3))


def write_account(random: Random) -> str:
    """Writes a few sentences about a worry in the first person."""
    worry = random.choice(WORRIES)
    own = own_phrases(worry, random)
    sentences = random.sample(_ACCOUNTS, random.randint(2, 5))
    return " ".join([worry.reason, *(sentence.format(**own) for sentence in sentences)])


def write_steps(random: Random) -> list[tuple[str, str]]:
    """Writes a question about a CBT technique for a worry, or for a fitting one, and the answer with its steps."""
    technique, event, steps = plan_steps(random)
    if random.random() < 0.5:
        return [(random.choice(_ASKING_STEPS).format(technique=technique, event=event), format_steps(steps))]
    asking = random.choice(_ASKING_TECHNIQUE).format(name=random.choice(_ALL_NAMES), event=event)
    return [(capitalize(asking), format_plan(technique, steps))]


def plan_steps(random: Random) -> tuple[str, str, tuple[str, ...]]:
    """Returns the name of a technique, the event of a worry, and the technique's steps for it."""
    name, technique = random.choice(list(TECHNIQUES.items()))
    own = own_phrases(random.choice(WORRIES), random)
    about = {k: v if k in QUOTED else third_person(v) for k, v in own.items()}
    return name, about["event"], tuple(step.format(**about) for step in technique.steps)


def write_sayings(random: Random) -> str:
    """Writes unrelated lines of therapists and clients, one or two sentences each."""
    return "\n".join(random.choice((_therapists, _therapists, write_line))(random) for _ in range(random.randint(2, 6)))


def _therapists(random: Random) -> str:
    expression = random.choice(list(EXPRESSIONS.values()))
    feeling = random.choice(expression.feelings)
    name = random.choice(NAMES[random.choice(list(NAMES))])
    own = own_phrases(random.choice(WORRIES), random)
    addressed = {k: v if k in QUOTED else second_person(v) for k, v in own.items()} | {"name": name}
    naming = random.choice(NAMING[expression.name]).format(feeling=feeling, name=name)
    caring = random.choice(CARING[expression.name])
    kind = random.random()
    if kind < 0.15:
        plain = random.choice([n for n in NAMING[expression.name] if "{name}" not in n]).format(feeling=feeling)
        return random.choice(WELCOME).format(naming=plain, caring=caring, name=name)
    if kind < 0.45:
        return f"{naming} {caring}"
    says = random.choice(list(TECHNIQUES.values())).says
    asked = random.choice(random.choice([*says, *STAYING.values()])).format(**addressed)
    return capitalize(asked) if kind < 0.75 else f"{caring} {capitalize(asked)}"


def write_line(random: Random, worry: Worry | None = None) -> str:
    """Writes a random line of a client with this worry, or with any."""
    worry = worry or random.choice(WORRIES)
    own = own_phrases(worry, random) | {"topic": worry.event, "noted": worry.reason[:-1], "Reason": worry.reason[:-1]}
    feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings)
    line = random.choice((*AMBIGUOUS, *random.choice(list(UNAMBIGUOUS.values())), *random.sample(client_lines(), 20)))
    return capitalize(line.format(**own, feeling=feeling, Feeling=capitalize(feeling)))


@cache
def client_lines() -> list[str]:
    """Returns all lines of the scripted client whose slots are known here, sorted."""
    texts = load_script()
    known = {"thought", "topic", "noted", "Reason", "feeling", "Feeling"}
    lines = {line for part in texts if part != "cues" for line in _leaves(texts[part])}
    return sorted(line for line in lines if {slot for _, slot, *_ in Formatter().parse(line) if slot} <= known)


def _leaves(texts) -> list[str]:
    if isinstance(texts, str):
        return [texts] if " " in texts or texts.endswith(".") else []
    return [leaf for part in (texts.values() if isinstance(texts, dict) else texts) for leaf in _leaves(part)]


def own_phrases(worry: Worry, random: Random) -> dict[str, str]:
    """Returns the phrases of a worry by slot, in the first person, with one of its causes."""
    own = {key: value for key, value in asdict(worry).items() if isinstance(value, str)}
    return own | {"cause": random.choice(worry.causes)}
