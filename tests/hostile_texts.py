"""Reads texts that would take hours if the time of a reader grew with the square of their length.

    python -m tests.hostile_texts

A test runs it as a process of its own. It prints the name of each reader before its turn, and is ended by the system
at a limit of processor time far above what linear readers need.
"""

import resource
from contextlib import suppress

from mirror.building.screenplays.acceptance import parse_rule
from mirror.chat.errors import ServerError
from mirror.chat.reasoning import opened_reasoning, without_reasoning
from mirror.clients.openness import reflects_words
from mirror.prompts.client import parse_answer
from mirror.prompts.dialogue import parse_dialogue
from mirror.prompts.expression import parse_expression
from mirror.prompts.forms import PlanForm
from mirror.prompts.plan import parse_plan
from mirror.prompts.reply import clean_reply
from mirror.prompts.technique import named_technique
from mirror.prompts.utterance import parse_utterance
from mirror.rating.answer import read_answer
from mirror.secrets import masked


def refused_rule(text):
    with suppress(ValueError):
        parse_rule(text)


LENGTH = 50_000
LIMIT = 90  # seconds of processor time for all texts, which take six; a reader whose time is quadratic takes longer
READERS = {
    "plan": parse_plan,
    "plan's form": PlanForm.of,
    "utterance": parse_utterance,
    "client's answer": lambda text: parse_answer(text, 3),
    "expression": parse_expression,
    "reply": clean_reply,
    "dialogue": parse_dialogue,
    "technique": named_technique,
    "reasoning": without_reasoning,
    "opened reasoning": opened_reasoning,
    "judge's answer": lambda text: read_answer(text, {"helpful": (1, 2)}),
    "fault": lambda text: ServerError.parse(400, text).unsupported({"seed": 1}),
    "question": lambda text: reflects_words(f"sister meadow {text}", "sister meadow"),
    "mask": lambda text: masked(text, "sk-proj-very-secret-0123456789"),
    "rule": lambda text: refused_rule(f"names {text} x"),
}
# What a reader may begin to read, and what it then finds over and over, without the end that it waits for.
BEGINNINGS = ("", "Therapist", "**Client", "CBT technique: Pie Chart\nPlan:", "1. a\n", "- a", "Facial expression", "x")
REPEATED = (
    " ",
    "\t",
    "\n",
    " \n",
    "*",
    "[",
    "(",
    '"',
    "'",
    "1",
    "1. ",
    "<think>",
    "`",
    "{",
    "what ",
    "sk-proj-ver",
    "_ ",
)


def main():
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    for name, reader in READERS.items():
        print(name, flush=True)
        for beginning in BEGINNINGS:
            for part in REPEATED:
                try:
                    reader(beginning + part * (LENGTH // len(part)) + "x")
                except ValueError:
                    pass  # what a reader says of a text that is none


if __name__ == "__main__":
    main()
