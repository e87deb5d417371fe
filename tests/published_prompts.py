"""Prompts laid out as the published training records are, in words of our own: what a data set may bring."""

import random

TECHNIQUES = (
    "Efficiency Evaluation", "Pie Chart Technique", "Alternative Perspective", "Decatastrophizing",
    "Pros and Cons Analysis", "Evidence-Based Questioning", "Reality Testing", "Continuum Technique",
    "Changing Rules to Wishes", "Behavior Experiment", "Problem-Solving Skills Training", "Systematic Exposure",
)  # fmt: skip
WORDS = "my mother calls at night and i never sleep because work feels like too much for one tired person now".split()
ASK = "<image>\nThis picture shows who sits before you.\nName what you see in the face."


def sentence(chance, least=4, most=12):
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(least, most))).capitalize() + "."


def sessions(clients=40, seed=0, write_plan=None, labels=("Client: ", "Therapist: "), between="\n"):
    """The values of every reply: (client, turn, values); `write_plan` gives a plan's text from its steps."""
    chance = random.Random(seed)
    for number in range(clients):
        about = f"Name:\nAnna {number}\nAge:\n{chance.randint(18, 80)}\nGender:\n{chance.choice(('female', 'male'))}"
        about += f"\nOccupation: {chance.choice(WORDS)}\nFamily Details: {sentence(chance)}"
        steps = [f"{sentence(chance, 1, 3)[:-1]}: {sentence(chance)}" for _ in range(chance.randint(3, 6))]
        fixed = {
            "personal_information": about,
            "reason_for_counseling": f"’Tis {sentence(chance)} “{sentence(chance)}” – {sentence(chance)}",
            "technique": TECHNIQUES[number % 12],
            "plan": (write_plan or numbered)(steps),
        }
        said = []
        for turn in range(chance.randint(4, 8)):
            spoken = between.join(f"{labels[place % 2]}{words}" for place, words in enumerate(said[-16:]))
            feeling = f"Looks {chance.choice(WORDS)}, {chance.choice(WORDS)}"
            yield number, turn, fixed | {"client_emotional_state": feeling, "dialogue": spoken}
            said += [f"{sentence(chance)} I don’t know…", sentence(chance)]


def numbered(steps):
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def response_prompt(cot, values):
    """A reply's prompt: in `planning` the technique stands below its label, in `ec_planning` beside it."""
    lines = ["<image>", "This picture shows who sits before you."]
    lines += [f"- Personal Information: {values['personal_information']}"]
    lines += [f"- Client Emotional State: {values['client_emotional_state']}"] * cot.startswith("ec")
    lines += [f"- Reason for Counseling: {values['reason_for_counseling']}"]
    if cot.endswith("planning"):
        lines += [f"- CBT technique:{' ' if cot == 'ec_planning' else chr(10)}{values['technique']}"]
        lines += ["- Counseling planning:", values["plan"]]
    if values["dialogue"]:
        lines += ["", "What both have said:", values["dialogue"], ""]
    return "\n".join([*lines, "Answer as a therapist who goes by face and posture."])


def records(cot, **changes):
    """(kind, prompt) of all records: replies and, with EC, captions; none asks for a plan."""
    for _, _, values in sessions(**changes):
        if cot.startswith("ec"):
            yield "emotion_recognition", ASK
        yield "response", response_prompt(cot, values)
