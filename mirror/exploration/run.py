"""One conversation by hand, with every intermediate kept: what each collaborator was asked, and what it gave.

The turns are those of `mirror.counseling.session`; nothing is written. Knows nothing of widgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from mirror.chat.messages import Completion
from mirror.clients.client import Said
from mirror.counseling.casting import make_cast
from mirror.counseling.session import Cast, Clock, Taken, take_turn
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import Speaker
from mirror.exploration.settings import ExploreSettings
from mirror.files.image_file import open_picture
from mirror.paths import input_path, output_path
from mirror.prompts import Utterance, format_utterance, negative_prompt, portrait_prompt
from mirror.settings.errors import SettingsError
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.turn import Conversation


class Overheard:
    """A speaker whose prompts are kept, in order; it answers as the speaker does."""

    def __init__(self, speaker: Speaker, prompts: list[str]) -> None:
        """`prompts`: the list that they are added to."""
        self.speaker, self.prompts = speaker, prompts

    def answer(
        self,
        prompts: Sequence[str],
        images: Sequence[Image.Image],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        self.prompts += prompts
        return self.speaker.answer(prompts, images, seeds, max_tokens=max_tokens)

    def fits(self, prompt: str) -> bool:
        return self.speaker.fits(prompt)

    def facts(self) -> dict[str, Any]:
        return self.speaker.facts()


@dataclass(frozen=True)
class TypedClient:
    """A client whose next utterance a person has typed."""

    utterance: Utterance

    def speak(self, conversations: Sequence[Conversation]) -> list[Said]:
        return [Said(self.utterance, format_utterance(self.utterance)) for _ in conversations]


@dataclass(frozen=True)
class Step:
    """One turn with its intermediates.

    Attributes:
        taken: the turn as a session records it, and its pictures by file.
        portrait: of the client.
        asked: what painter and filter were asked for: `positive`, `negative`, `statement`; empty in a last turn.
        prompts: the counselor's, in the order of its answers.
        seconds: of each stage.
    """

    taken: Taken
    portrait: Image.Image
    asked: dict[str, str]
    prompts: tuple[str, ...]
    seconds: dict[str, float]


def demo_checkpoint(settings: CounselSettings) -> str:
    """The checkpoint that `make demo` trains for the settings' cot; empty where it is not there or not asked for.

    It takes the place of the pocket LLaVA that is not fine-tuned, and of no other counselor.
    """
    demo = input_path(f"params/counsel/pocket-{settings.cot}.yaml")
    if settings.counselor != "llava" or settings.size != "pocket" or settings.checkpoint or not demo.is_file():
        return ""
    folder = CounselSettings.from_file(demo, check_files=False).checkpoint
    return folder if output_path(folder).is_dir() else ""


class Exploration:
    """A cast and one client; the conversation grows with every step.

    Attributes:
        profile: the client.
        conversation: what was said so far.
    """

    def __init__(self, settings: ExploreSettings) -> None:
        """Reads the configuration and loads its models.

        Raises:
            SettingsError: the configuration cannot work, or its table has no such client.
        """
        path = input_path(settings.configuration)
        configured = CounselSettings.from_file(path, **settings.changes)
        demo = demo_checkpoint(configured) if settings.checkpoint is None else ""
        self.settings = CounselSettings.from_file(path, **settings.changes, checkpoint=demo) if demo else configured
        profiles = read_profiles(input_path(self.settings.table), input_path(self.settings.portraits))
        self.profiles = {profile.idx: profile for profile in profiles}
        if settings.client and settings.client not in self.profiles:
            known = ", ".join(list(self.profiles)[:10])
            raise SettingsError(
                f"client: {self.settings.table} has no client {settings.client}; it has {known}"
                + " and others" * (len(self.profiles) > 10)
            )
        self.cast = make_cast(self.settings)
        self.begin(settings.client or profiles[0].idx)

    def begin(self, client: str) -> None:
        """A new conversation with a client of the table."""
        self.profile: Profile = self.profiles[client]
        self.conversation = Conversation(self.profile, (), self.settings.seed)

    def facts(self) -> dict[str, Any]:
        """What every collaborator says of itself."""
        return self.cast.facts()

    @property
    def counselor(self) -> str:
        """Who counsels, in a sentence."""
        settings = self.settings
        if settings.counselor != "llava":
            return f"The counselor is {settings.counselor_model}, behind an endpoint."
        if settings.checkpoint:
            return f"The counselor is trained: the checkpoint {settings.checkpoint} (cot {settings.cot})."
        untrained = f"The counselor is not fine-tuned: {settings.base_model}, with the prompts of cot {settings.cot}."
        return untrained + " `make demo` trains a pocket counselor." * (settings.size == "pocket")

    def listen(self, turns: int = 1) -> Step:
        """The next turns, the client's words being those of the cast's own client; the last of them."""
        steps = [self._take(self.cast) for _ in range(turns)]
        return steps[-1]

    def say(self, cue: str, words: str) -> Step:
        """The next turn, with a cue and words that a person chose; both may be empty."""
        return self._take(replace(self.cast, client=TypedClient(Utterance(cue.strip(), words.strip()))))

    def _take(self, cast: Cast) -> Step:
        prompts, clock = [], Clock()
        counselor = cast.counselor.with_speakers(lambda speaker: Overheard(speaker, prompts))
        (taken,) = take_turn(replace(cast, counselor=counselor), [self.conversation], clock)
        if isinstance(taken, Exception):
            raise taken
        portrait = open_picture(self.profile.portraits[0])
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, taken.turn))
        return Step(taken, portrait, self._asked(taken), tuple(prompts), clock.seconds)

    def _asked(self, taken: Taken) -> dict[str, str]:
        turn = taken.turn
        if turn.description is None:
            return {}
        return {
            "positive": portrait_prompt(self.profile.gender, turn.description["expression"]),
            "negative": negative_prompt(turn.description["contrast"]),
            "statement": turn.face.statement,
        }
