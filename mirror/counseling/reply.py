"""What the counselor is asked and what it replies, as records."""

from dataclasses import dataclass, field, replace

from PIL import Image

from mirror.chat.messages import Completion
from mirror.chat.retries import Attempts
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.turn import Conversation, spoken_words


class CounselorError(RuntimeError):
    """The counselor gave no reply that can be said to a client."""


class TooLong(ValueError):
    """A prompt leaves the model no tokens to answer, even with the newest utterance alone."""


@dataclass(frozen=True)
class CounselorRequest:
    """What the counselor answers.

    Attributes:
        conversation: the session so far.
        utterance: of the client in this turn; the counselor does not see its cue.
        face: the client's face in this turn, or what is shown in its place.
        cue: what the counselor reads of the face in place of seeing it; empty where it sees something.
    """

    conversation: Conversation
    utterance: Utterance
    face: Image.Image
    cue: str = ""

    @property
    def dialogue(self) -> tuple[tuple[str, str], ...]:
        """(role, words) of all that was spoken, including this turn; a silent client is left out."""
        spoken = (("client", self.utterance.words),) if self.utterance.words else ()
        return self.conversation.dialogue + spoken

    @property
    def dialogue_with_cue(self) -> tuple[tuple[str, str], ...]:
        """As `dialogue`, with the cue in brackets before the newest words: `(looks down) I am fine.`."""
        if not self.cue:
            return self.dialogue
        return (*self.conversation.dialogue, ("client", f"({self.cue}) {self.utterance.words}".strip()))

    @property
    def remembered(self) -> tuple[tuple[int, str, str], ...]:
        """(session, role, words) of all that was spoken in earlier sessions and is not forgotten."""
        told = self.conversation.memory.told
        return tuple((number, role, words) for number, turns in told for role, words in spoken_words(turns))

    @property
    def has_spoken(self) -> bool:
        """Whether the client has said anything so far; there is nothing to plan for before."""
        return any(role == "client" for role, _ in self.dialogue)

    def attempt_seed(self, kind: str, attempt: int) -> int:
        """The seed of an attempt (from 1) at an answer to one kind of prompt."""
        conversation = self.conversation
        return seed_for(conversation.seed, "counselor", kind, conversation.profile.idx, conversation.number, attempt)


@dataclass(frozen=True)
class Reply:
    """The counselor's part of one turn.

    Attributes:
        words: what the client hears.
        caption: the face in words; empty unless the variant captions faces (EC).
        technique: the CBT technique of the session's plan; empty while there is no plan.
        plan: the steps of the session's plan; empty while there is no plan.
        plan_text: the plan as written in the prompts.
        prompts: what the model was asked, by kind of prompt.
        raw: the model's last answer, by kind of prompt; empty text if it gave none.
        cut_off: the kinds of prompt whose last answer ran out of tokens.
        dropped_utterances: number of the oldest utterances that a prompt left out.
        cut_characters: number of characters cut from the start of the newest utterance.
        remembered: number of utterances of earlier sessions in the prompt that holds the fewest; None in a session
            without any.
        prompt_tokens: of all prompts.
        completion_tokens: of all answers.
    """

    words: str = ""
    caption: str = ""
    technique: str = ""
    plan: tuple[str, ...] = ()
    plan_text: str = ""
    prompts: dict[str, str] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    cut_off: tuple[str, ...] = ()
    dropped_utterances: int = 0
    cut_characters: int = 0
    remembered: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def with_answers(self, kind: str, attempts: Attempts) -> "Reply":
        """A copy that records the answers to one more prompt."""
        completions, last = attempts.completions, attempts.last
        is_cut_off = bool(completions) and completions[-1].finish_reason == "length"
        return replace(
            self,
            raw=self.raw | {kind: last.text if isinstance(last, Completion) else ""},
            cut_off=(*self.cut_off, kind) if is_cut_off else self.cut_off,
            prompt_tokens=self.prompt_tokens + (attempts.prompt_tokens or 0),
            completion_tokens=self.completion_tokens + (attempts.completion_tokens or 0),
        )
