"""General English for pre-training: short stories, everyday chats, generic sessions, descriptions of people's looks.

None of it depends on the expression of a face or on the dialogues of the fine-tuning set.
"""

from random import Random

from mirror.prompts import format_dialogue, format_steps
from pocket.drawing.canvas import Color
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.identities import Identity
from pocket.texts.clients import HOMES, JOBS, NAMES
from pocket.texts.notes import plan_steps, write_line
from pocket.texts.persons import capitalize, second_person
from pocket.texts.speech import WELCOME
from pocket.texts.worries import WORRIES

PEOPLE = (
    "my sister", "my brother", "my mother", "my father", "my friend", "my neighbour", "my boss", "my son",
    "my daughter", "a colleague", "the teacher", "the doctor", "my aunt", "my partner", "the baker", "a stranger",
)  # fmt: skip
DEEDS = (
    "baked a cake", "read a book", "took a walk", "wrote a letter", "bought bread", "drank coffee", "sang a song",
    "closed the door", "opened the window", "called me", "went to work", "slept for an hour", "played a game",
    "cleaned the kitchen", "asked a question", "told a story", "lost a key", "found a coin", "missed the train",
    "made tea", "looked at the water", "fed the cat", "wore a new coat", "came home late", "helped me with the move",
    "laughed about a joke", "gave me a card", "said nothing", "waited in the rain", "swam in the lake",
)  # fmt: skip
TIMES = (
    "in the morning", "in the evening", "last week", "on Monday", "on Sunday", "yesterday", "today", "this year",
    "after lunch", "at night", "in spring", "in the winter", "for two hours", "before work", "last month",
)  # fmt: skip
PLACES = ("at home", "at work", "in the park", "in the town", "at school", "on the train", "in the garden", "there")
MATTERS = (
    "the garden", "the new flat", "my sleep", "the noise at night", "my diet", "the party", "the long winter",
    "the dog", "my free time", "the move", "the wedding", "my neighbours", "the news", "my old car", "the holidays",
    "my studies", "the choir", "my phone", "the cold", "the plan for the summer", "my mornings", "the housework",
    "my first day at work", "the visit to the doctor", "my shyness", "the family dinner", "my sport", "the weather",
)  # fmt: skip
STATEMENTS = (
    "I have trouble with {matter}.",
    "I think about {matter} a lot.",
    "{person} and I see {matter} in different ways.",
    "I would like to change something about {matter}.",
    "It began with {matter} {time}.",
    "I don't know what to do about {matter}.",
    "I talked to {person} about {matter} {time}.",
    "{person} {deed} {time}, and I can't forget it.",
    "When it comes to {matter}, I am {feeling}.",
    "I feel {feeling} because of {matter}.",
    "I was {feeling} when {person} {deed}.",
)
THANKS = (
    "Thank you for telling me about {matter}.",
    "I hear that {matter} is on your mind.",
    "So {matter} is important to you.",
    "I would like to hear more about {matter}.",
    "That sounds like a lot.",
    "I'm glad that you say it.",
    "That can be hard.",
)
FEELING_THANKS = (
    "You say that you are {feeling}.",
    "It makes sense that you feel {feeling}.",
    "So you feel {feeling}.",
)
NAMED = ("You look {feeling}.", "You seem {feeling}, {name}.", "I see that you are {feeling}.")
MOODS = ("{feeling}", "Looks {feeling}", "Feels {feeling}")
QUESTIONS = (
    "How long has it been like that?",
    "What have you tried so far?",
    "Who could help you with it?",
    "What would be a small step?",
    "What does it mean to you?",
    "When is it easier, and when is it harder?",
    "What goes through your mind then?",
    "What would you tell a friend?",
    "What do you do when it happens?",
    "How would you know that it is better?",
    "What would you like to happen?",
    "What happened next?",
    "How does your body feel then?",
    "What is the first thing that you would change?",
    "Which part of it matters most to you?",
)
SHORT = ("Yes.", "I don't know.", "Maybe.", "I will think about it.", "That is a good question.", "Not really.")
OPENINGS = ("What would you like to talk about today?", "What can I do for you today?", "Tell me how your week was.")

_HUES = {
    "black": (40, 32, 34),
    "brown": (98, 66, 46),
    "blond": (214, 172, 104),
    "red": (134, 56, 42),
    "grey": (180, 178, 178),
    "blue": (70, 104, 150),
    "green": (86, 128, 104),
    "yellow": (214, 168, 82),
    "purple": (108, 88, 140),
    "orange": (206, 120, 96),
    "white": (222, 214, 200),
    "pink": (180, 106, 142),
}
_HAIR_HUES = ("black", "brown", "blond", "red", "grey")
_STYLES = {
    "long": "long {hue} hair",
    "waves": "long, wavy {hue} hair",
    "bob": "{hue} hair down to the chin",
    "fringe": "{hue} hair with a fringe",
    "bun": "{hue} hair in a bun",
    "ponytail": "a {hue} ponytail",
    "curls": "curly {hue} hair",
    "crop": "short {hue} hair",
    "side": "short {hue} hair with a parting",
    "quiff": "short {hue} hair that stands up",
    "bald": "no hair",
    "headscarf": "a {hue} headscarf",
}
_NECKLINES = {
    "turtleneck": "sweater with a high collar",
    "hood": "hoodie",
    "collar": "shirt",
    "v": "top",
    "round": "top",
}
ASKING_LOOKS = (
    "Describe the person.",
    "What does the person look like?",
    "Tell me about hair and clothes.",
    "Who is in the picture?",
)


def write_story(random: Random) -> str:
    """Writes two to four short sentences."""
    sentences = []
    for _ in range(random.randint(2, 4)):
        person, deed, time, place = (random.choice(words) for words in (PEOPLE, DEEDS, TIMES, PLACES))
        forms = (f"{person} {deed} {time}.", f"{time}, {person} {deed} {place}.", f"{person} {deed} {place}.")
        form = random.choice(forms)
        if random.random() < 0.3:
            own = random.choice([deed for deed in DEEDS if " me" not in deed])
            form = f"I {own} {place}, and {person} {deed}."
        sentences.append(capitalize(form))
    return " ".join(sentences)


def write_chat(random: Random) -> list[tuple[str, str]]:
    """Writes one to three (human, answer) pairs about everyday matters."""
    turns = []
    for turn in range(random.randint(1, 3)):
        statement, reply = write_exchange(random)
        turns.append((statement if turn == 0 or random.random() < 0.5 else random.choice(SHORT), reply))
    return turns


def write_exchange(random: Random) -> tuple[str, str]:
    """Writes a statement and a friendly reply that depends on its words only."""
    slots = {
        "matter": random.choice(MATTERS),
        "person": random.choice(PEOPLE),
        "deed": random.choice(DEEDS),
        "time": random.choice(TIMES),
        "feeling": random.choice(random.choice(list(EXPRESSIONS.values())).feelings),
    }
    statement = random.choice(STATEMENTS)
    thanks = FEELING_THANKS if "{feeling}" in statement else THANKS[:4] if "{matter}" in statement else THANKS[4:]
    addressed = {key: second_person(value) for key, value in slots.items()}
    reply = f"{random.choice(thanks).format(**addressed)} {random.choice(QUESTIONS)}"
    return capitalize(statement.format(**slots)), reply


def write_session(random: Random) -> tuple[dict[str, str], str]:
    """Writes the fields of a `response` prompt of the base variant, and a reply that does not depend on the face.

    Some reasons are followed by a mood, which the reply then names, or by a technique with its steps.
    """
    name = random.choice(NAMES[random.choice(list(NAMES))])
    reason = random.choice(WORRIES).reason if random.random() < 0.6 else write_exchange(random)[0]
    greeting = random.choice(WELCOME).partition("{naming}")[0].strip().format(name=name)
    reply = f"{greeting} {random.choice(OPENINGS)}"
    utterances: list[tuple[str, str]] = []
    for _ in range(random.randint(0, 9)):
        said, answer = write_exchange(random)
        if random.random() < 0.6:
            said, answer = write_line(random), f"{random.choice(THANKS[4:])} {random.choice(QUESTIONS)}"
        utterances += [("therapist", reply), ("client", said)]
        reply = answer
    kind = random.random()
    if kind < 0.55:
        feeling = random.choice(random.choice(list(EXPRESSIONS.values())).feelings)
        reason += f"\n- Mood Today: {random.choice(MOODS).format(feeling=feeling)}"
        naming = random.choice((*FEELING_THANKS, *NAMED)).format(feeling=feeling, name=name)
        reply = f"{naming} {random.choice(QUESTIONS)}"
    elif kind < 0.8:
        technique, _, steps = plan_steps(random)
        reason += f"\n- Technique: {technique}\n- Steps:\n{format_steps(steps)}"
    fields = {
        "personal_information": f"{name}, {random.randint(19, 64)}, a {random.choice(JOBS)}, {random.choice(HOMES)}",
        "reason_for_counseling": reason,
        "dialogue": format_dialogue(utterances),
    }
    return fields, reply


def describe_looks(identity: Identity, random: Random) -> tuple[str, str]:
    """Writes a question about a picture and a description of hair, glasses, beard and clothes, without the mood."""
    hues = _HAIR_HUES if identity.hairstyle != "headscarf" else tuple(_HUES)
    parts = [_STYLES[identity.hairstyle].format(hue=_hue(identity.hair, hues))]
    if identity.beard != "none":
        parts.append("a beard" if identity.beard in ("full", "goatee", "stubble") else "a moustache")
    if identity.glasses != "none":
        parts.append("glasses")
    looks = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    clothes = _NECKLINES[identity.neckline]
    age = "young " if identity.age < 32 else "older " if identity.age > 52 else ""
    article = "An" if age == "older " else "A"
    hue = _hue(identity.clothes, tuple(_HUES))
    worn = f"{'an' if hue == 'orange' else 'a'} {hue} {clothes}"
    return random.choice(ASKING_LOOKS), f"{article} {age}{identity.gender} with {looks}, in {worn}."


def _hue(color: Color, names: tuple[str, ...]) -> str:
    """Returns the nearest of the named colors."""
    return min(names, key=lambda name: sum((a - b) ** 2 for a, b in zip(color, _HUES[name], strict=True)))
