"""Measures a counselor on clients whom it has not met: does it name what the face shows, in well-formed English?

Knows nothing of models or of how one was tuned: it takes any `mirror.counseling.counselor.Counselor`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mirror.counseling.counselor import Counselor, CounselorRequest, Reply
from mirror.prompts import Utterance
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Turn
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.drawing.faces import draw
from pocket.llava.evaluation import SEED, SIZE
from pocket.llava.wellformed import faults
from pocket.seeds import stable_seed
from pocket.texts.clients import Client
from pocket.texts.dialogues import Dialogue, Exchange, write_dialogue


@dataclass(frozen=True)
class Answer:
    """One reply to a held-out client: what showed, the client's words, and what the counselor made of it."""

    exchange: Exchange
    reply: Reply

    @property
    def names_expression(self) -> bool:
        """Whether the feeling that the reply names first is one of the expression that shows."""
        found = expression_of(self.reply.words)
        return found is not None and found.name == self.exchange.expression

    @property
    def captions_expression(self) -> bool:
        found = expression_of(self.reply.caption)
        return found is not None and found.name == self.exchange.expression

    @property
    def faults(self) -> list[str]:
        return faults(self.reply.words)


def write_evaluation_dialogues(count: int, seed: int = SEED) -> list[Dialogue]:
    """Dialogues of clients whom no training set knows."""
    return [write_dialogue(Client.from_seed(seed, idx), seed) for idx in range(count)]


def counsel(counselor: Counselor, dialogues: Sequence[Dialogue], seed: int = SEED) -> list[Answer]:
    """The counselor in the place of the dialogues' therapist: clients say what stands there, and show it.

    Raises:
        CounselorError: a reply could not be had.
    """
    turns: list[tuple[Turn, ...]] = [()] * len(dialogues)
    answers: list[Answer] = []
    for number in range(len(dialogues[0].exchanges)):
        requests = [_request(d, number, said, seed) for d, said in zip(dialogues, turns, strict=True)]
        for place, reply in enumerate(counselor.reply(requests)):
            if isinstance(reply, Exception):
                raise reply
            exchange = dialogues[place].exchanges[number]
            answers.append(Answer(exchange, reply))
            turn = Turn(
                number=number + 1,
                cue="",
                words=exchange.client,
                client_raw="",
                caption=reply.caption,
                technique=reply.technique,
                plan=reply.plan,
                plan_text=reply.plan_text,
                reply=reply.words,
            )
            turns[place] += (turn,)
    return answers


def _request(dialogue: Dialogue, number: int, turns: tuple[Turn, ...], seed: int) -> CounselorRequest:
    client, exchange = dialogue.client, dialogue.exchanges[number]
    resistance = client.resistance.replace("No Resistance", "none").lower()
    profile = Profile(
        str(client.idx),
        client.personal_information,
        resistance,
        client.distorted_thought,
        client.reason_for_counseling,
        client.gender,
        (),
        client.name,
    )
    moment = stable_seed("exam face", seed, client.idx, number)
    face = draw(client.identity, EXPRESSIONS[exchange.expression], moment, SIZE)
    return CounselorRequest(Conversation(profile, turns, seed), Utterance("", exchange.client), face)
