"""Sessions without models, to count the tokens of prompts before anybody is asked.

Client, describer and counselor write their real prompts, for a dialogue of lines of the usual length.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from mirror.chat.messages import Completion, Message
from mirror.chat.prices import CHARACTERS, expected_prompt_tokens, expected_tokens
from mirror.clients.client import ChatClient, ClientUtterance
from mirror.counseling.counselor import Counselor
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker
from mirror.counseling.turn import used_tokens
from mirror.faces.description import ChatDescriber, Description, DescriptionRequest
from mirror.prompts import (
    TECHNIQUES,
    FacialExpression,
    Variant,
    format_dialogue,
    format_expression,
    format_plan,
)
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Turn

# The usual lengths, in tokens: a line as in the published dialogues, a plan of five steps, a description of two lines.
_SENTENCE = "I am not sure that this is going to help me much. "
LINE = (_SENTENCE * 3).strip()
CLIENT = f"Client: [looks down and crosses arms] {LINE}"
PLAN = format_plan(TECHNIQUES[0], [(_SENTENCE * 2).strip()] * 5)
FEATURES = "furrowed brows, narrowed eyes, tense jaw, lips pressed together, lowered gaze"
DESCRIPTION = format_expression(FacialExpression(FEATURES, FEATURES))
FACE = Image.new("RGB", (1, 1))


class RehearsedModel:
    """Gives the same answer to everything, and counts tokens by rules of thumb: a `ChatModel`."""

    name = "rehearsal"

    def __init__(self, answer: str, most: int, plan: str = "", longest: bool = False) -> None:
        """Asks nobody.

        Args:
            answer: to everything.
            most: tokens of an answer at most.
            plan: what is answered where a call has a limit of its own, as for plans.
            longest: whether answers are as long as their limit allows.
        """
        self.text, self.most, self.plan, self.longest = answer, most, plan, longest

    def complete(
        self, conversations: Sequence[Sequence[Message]], seeds: Sequence[int], *, max_tokens: int | None = None
    ) -> list[Completion]:
        """See `ChatModel.complete`."""
        text, most = (self.plan, max_tokens) if max_tokens is not None else (self.text, self.most)
        if self.longest:
            text = f"{text} {_SENTENCE * most}"[: max(most * CHARACTERS, len(text))]  # can be parsed
        written = min(expected_tokens(text), most)
        return [Completion(text, expected_prompt_tokens(asked), written, self.name, "stop") for asked in conversations]

    def warm_up(self, conversations: int) -> None:
        """There is nothing to compile."""

    def facts(self) -> dict[str, Any]:
        """There is nothing to record."""
        return {}


def rehearse(settings: CounselSettings, profile: Profile, longest: bool = False) -> list[Counter[str]]:
    """The tokens of each session of a client, of `max_turns` turns; of models behind endpoints alone.

    Args:
        settings: of the run.
        profile: the client.
        longest: whether every answer is as long as its limit allows.

    Returns:
        By purpose as in `Turn.tokens`, from the first session on.
    """
    client = ChatClient(RehearsedModel(CLIENT, settings.client_max_tokens, longest=longest), settings.client_trust)
    describer = ChatDescriber(RehearsedModel(DESCRIPTION, settings.describer_max_tokens, longest=longest))
    model = RehearsedModel(LINE, settings.max_new_tokens, PLAN, longest)
    counselor = Counselor(
        ChatSpeaker(model, settings.sees_face),
        settings.read_prompts(),
        Variant.of(settings.cot),
        settings.context,
        settings.planning_max_tokens,
    )
    cast = _Rehearsal(settings, client, describer, counselor)
    found, earlier = [], list[tuple[Turn, ...]]()
    for session in range(1, settings.sessions_per_client + 1):
        turns, tokens = cast.session(Conversation(profile, (), 0, session, settings.returns.remember(earlier)))
        earlier.append(turns)
        found.append(tokens)
    return found


@dataclass(frozen=True)
class _Rehearsal:
    """Those who write prompts."""

    settings: CounselSettings
    client: ChatClient
    describer: ChatDescriber
    counselor: Counselor

    def session(self, conversation: Conversation) -> tuple[tuple[Turn, ...], Counter[str]]:
        """The turns of a session and their tokens."""
        tokens = Counter[str]()
        for number in range(1, self.settings.max_turns + 1):
            [said] = self.client.speak([conversation])
            if isinstance(said, Exception):
                break
            history = format_dialogue(conversation.dialogue)
            asked = DescriptionRequest(history=history, utterance=said.utterance, seed=0)
            [description] = self.describer.describe([asked])
            cue = said.utterance.cue if self.settings.face == "cue" else ""
            [reply] = self.counselor.reply([CounselorRequest(conversation, said.utterance, FACE, cue)])
            if isinstance(description, Exception) or isinstance(reply, Exception):
                break  # this client's prompts do not fit: the run will report it
            answers: dict[str, ClientUtterance | Description | Reply] = {"client": said, "describer": description}
            answers["counselor"] = reply
            for role in self.settings.models:
                tokens.update(used_tokens(role, answers[role]))
            turn = Turn(
                number=number,
                cue=said.utterance.cue,
                words=said.utterance.words,
                client_raw=said.raw,
                technique=reply.technique,
                plan=reply.plan,
                plan_text=reply.plan_text,
                reply=reply.words,
            )
            conversation = replace(conversation, turns=(*conversation.turns, turn))
        return conversation.turns, tokens
