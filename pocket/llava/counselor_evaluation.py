"""Evaluates a counselor on held-out clients: does it name the feeling that the face shows, in well-formed English?

Works on any `mirror.counseling.counselor.Counselor`.
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
    """A counselor's reply to one exchange with a held-out client."""

    exchange: Exchange
    reply: Reply

    @property
    def names_expression(self) -> bool:
        """Whether the first feeling named in the reply belongs to the expression shown."""
        found = expression_of(self.reply.words)
        return found is not None and found.name == self.exchange.expression

    @property
    def captions_expression(self) -> bool:
        """Whether the first feeling named in the caption belongs to the expression shown."""
        found = expression_of(self.reply.caption)
        return found is not None and found.name == self.exchange.expression

    @property
    def faults(self) -> list[str]:
        """What is wrong with the reply's English."""
        return faults(self.reply.words)


def write_evaluation_dialogues(count: int, seed: int = SEED) -> list[Dialogue]:
    """Writes dialogues of held-out clients."""
    return [write_dialogue(Client.from_seed(seed, idx), seed) for idx in range(count)]


def counsel(counselor: Counselor, dialogues: Sequence[Dialogue], seed: int = SEED) -> list[Answer]:
    """Replays the clients' side of the dialogues with the counselor as the therapist.

    Returns:
        The answers, ordered by turn and then by dialogue.

    Raises:
        CounselorError: The counselor failed to reply.
    """
    turns: list[tuple[Turn, ...]] = [()] * len(dialogues)
    answers: list[Answer] = []
    for number in range(len(dialogues[0].exchanges)):
        requests = [_request(d, number, before, seed) for d, before in zip(dialogues, turns, strict=True)]
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
