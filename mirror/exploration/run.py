"""One conversation by hand, with all intermediate results. The API of `notebooks/explore.ipynb`.

The turns are those of `mirror.counseling.turn`; nothing is written to disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast
from mirror.counseling.casting import build_cast
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Clock, Taken, take_turn
from mirror.exploration.settings import ExploreSettings
from mirror.files.image_file import open_picture
from mirror.paths import input_path, output_path
from mirror.prompts import Utterance, format_utterance
from mirror.settings.errors import SettingsError
from mirror.transcripts.flags import RiskPolicy
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.turn import Conversation


@dataclass(frozen=True)
class TypedClient:
    """A client whose next utterance a person has typed."""

    utterance: Utterance

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """The typed utterance, for each conversation."""
        return [ClientUtterance(self.utterance, format_utterance(self.utterance)) for _ in conversations]

    def facts(self) -> Mapping[str, Any]:
        """See `mirror.counseling.cast.Client`."""
        return {"client": "typed"}


@dataclass(frozen=True)
class Step:
    """One turn with its intermediate results.

    Attributes:
        taken: the turn as a session records it, with the face that was shown and the counselor's reply.
        portrait: of the client.
        seconds: by stage.
    """

    taken: Taken
    portrait: Image.Image
    seconds: dict[str, float]


def demo_checkpoint(settings: CounselSettings) -> str:
    """The checkpoint that `make demo` trains for the settings' cot.

    It replaces only the pocket LLaVA that is not fine-tuned. Empty if it does not exist, or for any other counselor.
    """
    demo = input_path(f"params/counsel/pocket-{settings.cot}.yaml")
    if settings.counselor != "llava" or settings.size != "pocket" or settings.checkpoint or not demo.is_file():
        return ""
    folder = CounselSettings.from_file(demo, check_files=False).checkpoint
    return folder if output_path(folder).is_dir() else ""


class Exploration:
    """A cast and one client; the conversation grows with every step.

    Attributes:
        settings: of the configuration, with the changes of the notebook.
        profiles: the clients of the table, by idx.
        profile: the client.
        conversation: the turns so far.
    """

    def __init__(self, settings: ExploreSettings) -> None:
        """Reads the configuration and the table. Loads no model; see `cast`.

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
        self._explored = settings
        self.begin(settings.client or profiles[0].idx)

    @cached_property
    def cast(self) -> Cast:
        """Who takes part; loads the models when first used."""
        return build_cast(self.settings)

    @cached_property
    def policy(self) -> RiskPolicy:
        """Who reads the words for risk; loads the classifier, where one is named, when first used."""
        named = self._explored
        return RiskPolicy.of(named.risk_classifier, named.unsafe_labels, self.settings.device)

    def begin(self, client: str) -> None:
        """Begins a new conversation with a client of the table."""
        self.profile: Profile = self.profiles[client]
        self.conversation = Conversation(self.profile, (), self.settings.seed)

    def facts(self) -> dict[str, Any]:
        """What every collaborator reports about itself, by role; loads the models."""
        return self.cast.facts()

    @property
    def counselor(self) -> str:
        """A sentence that says who counsels."""
        settings = self.settings
        if settings.counselor != "llava":
            return f"The counselor is {settings.counselor_model}, behind an endpoint."
        if settings.checkpoint:
            return f"The counselor is trained: the checkpoint {settings.checkpoint} (cot {settings.cot})."
        untrained = f"The counselor is not fine-tuned: {settings.base_model}, with the prompts of cot {settings.cot}."
        return untrained + " `make demo` trains a pocket counselor." * (settings.size == "pocket")

    def listen(self, turns: int = 1) -> Step:
        """Takes turns in which the cast's own client speaks.

        Args:
            turns: number of turns, ≥ 1.

        Returns:
            The last of them.
        """
        steps = [self._take(self.cast) for _ in range(turns)]
        return steps[-1]

    def say(self, cue: str, words: str) -> Step:
        """Takes a turn in which the client shows and says what a person typed; both may be empty."""
        return self._take(replace(self.cast, client=TypedClient(Utterance(cue.strip(), words.strip()))))

    def _take(self, cast: Cast) -> Step:
        clock = Clock()
        (taken,) = take_turn(cast, [self.conversation], clock)
        if isinstance(taken, Exception):
            raise taken
        portrait = open_picture(self.profile.portraits[0])
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, taken.turn))
        return Step(taken, portrait, clock.seconds)
