"""One conversation by hand, with all intermediate results. The API of `notebooks/explore.ipynb`.

The turns are those of `mirror.counseling.turn`; nothing is written to disk. Two counselors may get the same words and
the same face, each in a conversation of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast
from mirror.counseling.casting import build_cast, with_counselor
from mirror.counseling.reply import CounselorError
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Clock, SharedTurn, Taken, take_turn
from mirror.exploration.settings import ExploreSettings
from mirror.exploration.stand_ins import GivenClient, GivenDescriber, Tell, watched
from mirror.faces.description import Description
from mirror.faces.rejection_sampling import FaceError
from mirror.files.image_file import open_picture
from mirror.paths import input_path, output_path
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.settings.errors import SettingsError
from mirror.transcripts.flags import RiskPolicy
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.turn import Conversation

# The parameters in which a second counselor may differ from the first; client and faces are the same for both.
OF_COUNSELOR = (
    "counselor size cot checkpoint base_model revision counselor_model counselor_url untrained_model untrained_url "
    "sees_face face faces_from temperature top_p max_new_tokens planning_max_tokens context prompts"
).split()


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


@dataclass(frozen=True)
class Exchange:
    """What the client said, and what came of it with every counselor.

    Attributes:
        serial: of no other exchange of the exploration.
        typed: what a person typed; None if the cast's own client spoke.
        seed: of all sampling in it.
        tries: how often it was tried again with another seed.
        steps: one per counselor; client and face are the same in all of them.
    """

    serial: int
    typed: Utterance | None
    seed: int
    tries: int
    steps: tuple[Step, ...]


def demo_checkpoint(settings: CounselSettings) -> str:
    """The checkpoint that `make demo` trains for the settings' cot.

    It replaces only the pocket LLaVA that is not fine-tuned. Empty if it does not exist, or for any other counselor.
    """
    demo = input_path(f"params/counsel/pocket-{settings.cot}.yaml")
    if settings.counselor != "llava" or settings.size != "pocket" or settings.checkpoint or not demo.is_file():
        return ""
    folder = CounselSettings.from_file(demo, check_files=False).checkpoint
    return folder if output_path(folder).is_dir() else ""


def who_counsels(settings: CounselSettings) -> str:
    """A sentence that says who counsels."""
    if settings.counselor != "llava":
        return f"The counselor is {settings.counselor_model}, behind an endpoint."
    if settings.checkpoint:
        return f"The counselor is trained: the checkpoint {settings.checkpoint} (cot {settings.cot})."
    untrained = f"The counselor is not fine-tuned: {settings.base_model}, with the prompts of cot {settings.cot}."
    return untrained + " `make demo` trains a pocket counselor." * (settings.size == "pocket")


class Exploration:
    """A cast and one client; the conversation grows with every exchange.

    Attributes:
        explored: the parameters of the notebook.
        settings: of the configuration, with the changes of the notebook.
        sides: the settings of each counselor: of one, or of two that get the same words and faces.
        profiles: the clients of the table, by idx.
        profile: the client.
        exchanges: what was said so far.
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
        self.sides = (self.settings, *_second(settings.against, self.settings))
        profiles = read_profiles(input_path(self.settings.table), input_path(self.settings.portraits))
        self.profiles = {profile.idx: profile for profile in profiles}
        if settings.client and settings.client not in self.profiles:
            known = ", ".join(list(self.profiles)[:10])
            raise SettingsError(
                f"client: {self.settings.table} has no client {settings.client}; it has {known}"
                + " and others" * (len(self.profiles) > 10)
            )
        self.explored = settings
        self._serials = count(1)
        self.begin(settings.client or profiles[0].idx)

    @cached_property
    def cast(self) -> Cast:
        """Who takes part, with the first counselor; loads the models when first used."""
        return build_cast(self.settings)

    @cached_property
    def casts(self) -> tuple[Cast, ...]:
        """One cast per counselor; loads the models when first used."""
        return (self.cast, *(with_counselor(self.cast, settings) for settings in self.sides[1:]))

    @cached_property
    def policy(self) -> RiskPolicy:
        """Who reads the words for risk; loads the classifier, where one is named, when first used."""
        named = self.explored
        return RiskPolicy.of(named.risk_classifier, named.unsafe_labels, self.settings.device)

    def begin(self, client: str | Profile) -> None:
        """Begins a new conversation with a client of the table, by idx, or with another one."""
        self.profile: Profile = client if isinstance(client, Profile) else self.profiles[client]
        self.exchanges: tuple[Exchange, ...] = ()
        self._failed = 0  # times in a row that sampling found no face or reply for the next turn

    @property
    def conversation(self) -> Conversation:
        """The session with the first counselor so far."""
        return self._conversation(0, self.exchanges, self.settings.seed)

    def turns(self, side: int) -> tuple[Taken, ...]:
        """The turns with a counselor, with their pictures."""
        return tuple(exchange.steps[side].taken for exchange in self.exchanges)

    def facts(self, side: int = 0) -> dict[str, Any]:
        """What every collaborator reports about itself, by role, with one of the counselors; loads the models."""
        return self.casts[side].facts()

    @property
    def counselor(self) -> str:
        """A sentence that says who counsels first."""
        return who_counsels(self.settings)

    @property
    def is_comparison(self) -> bool:
        """Whether two counselors get the same words."""
        return len(self.sides) > 1

    def listen(self, turns: int = 1, tell: Tell = lambda _: None) -> Step:
        """Takes turns in which the cast's own client speaks.

        Args:
            turns: number of turns, ≥ 1.
            tell: see `mirror.exploration.stand_ins.watched`.

        Returns:
            The last of them, with the first counselor.

        Raises:
            ValueError: the client has ended the session; or there are two counselors, and this is not the first turn.
        """
        if self.is_comparison and (self.exchanges or turns > 1):
            raise ValueError(
                "this client answers one counselor, and two are compared by the same words; type what the client says"
            )
        for _ in range(turns):
            self._append(None, tell)
        return self.exchanges[-1].steps[0]

    def say(self, cue: str, words: str, tell: Tell = lambda _: None) -> Step:
        """Takes a turn in which the client shows and says what a person typed, each on one line; both may be empty.

        Raises:
            ValueError: the client has ended the session.
        """
        self._append(Utterance(" ".join(cue.split()), " ".join(words.split())), tell)
        return self.exchanges[-1].steps[0]

    def take_back(self) -> Exchange:
        """Removes the last exchange and returns it.

        Raises:
            ValueError: there is none.
        """
        if not self.exchanges:
            raise ValueError("there is no turn to take back; nothing has been said yet")
        *rest, last = self.exchanges
        self.exchanges, self._failed = tuple(rest), 0
        return last

    def again(self, tell: Tell = lambda _: None) -> Step:
        """Takes the last turn again with another seed; if that fails, it stays as it is.

        Raises:
            ValueError: there is none.
        """
        if not self.exchanges:
            raise ValueError("there is no turn to try again; nothing has been said yet")
        *rest, last = self.exchanges
        self.exchanges = (*rest, self._take(tuple(rest), last.typed, last.tries + 1, tell))
        return self.exchanges[-1].steps[0]

    def _append(self, typed: Utterance | None, tell: Tell) -> None:
        if self.conversation.ended:
            raise ValueError("the client has ended the session; begin a new one, or take the last turn back")
        try:
            taken = self._take(self.exchanges, typed, self._failed, tell)
        except (FaceError, CounselorError):  # with the same seed it would fail again
            self._failed += 1
            raise
        self.exchanges, self._failed = (*self.exchanges, taken), 0

    def _take(self, before: tuple[Exchange, ...], typed: Utterance | None, tries: int, tell: Tell) -> Exchange:
        """One exchange; nothing is changed if a collaborator fails."""
        own = self.settings.seed
        seed = seed_for(own, "again", self.profile.idx, len(before) + 1, tries) if tries else own
        if "casts" not in self.__dict__:
            tell("loading the models")
        name = "a counselor" if self.is_comparison else "the counselor"
        first, *others = (watched(cast, tell, name) for cast in self.casts)
        if typed is not None:
            first = replace(first, client=GivenClient.typed(typed))
        portrait, clock = open_picture(self.profile.portraits[0]), Clock()
        (taken,) = take_turn(first, [self._conversation(0, before, seed)], clock)
        steps = [Step(_or_raise(taken), portrait, clock.seconds)]
        for side, cast in enumerate(others, 1):
            steps.append(_reply_too(cast, self._conversation(side, before, seed), steps[0]))
        return Exchange(next(self._serials), typed, seed, tries, tuple(steps))

    def _conversation(self, side: int, exchanges: Sequence[Exchange], seed: int) -> Conversation:
        return Conversation(self.profile, tuple(one.steps[side].taken.turn for one in exchanges), seed)


def _second(path: str, first: CounselSettings) -> list[CounselSettings]:
    """The settings of a second counselor, if one is named: those of its file that are about the counselor."""
    if not path:
        return []
    given = CounselSettings.from_file(input_path(path), check_files=False)
    own = {name: getattr(given, name) for name in OF_COUNSELOR}
    return [CounselSettings.checked(first.model_dump() | own, f"{path}:")]


def _reply_too(cast: Cast, conversation: Conversation, step: Step) -> Step:
    """The same turn with another counselor, who gets the same words and face."""
    turn, face = step.taken.turn, step.taken.face
    if face is None:  # the client has ended the session
        return Step(Taken(turn, {}), step.portrait, {})
    said = ClientUtterance(Utterance(turn.cue, turn.words), turn.client_raw, trust=turn.trust)
    description = Description.model_validate(turn.description)
    given = replace(cast, client=GivenClient(said), describer=GivenDescriber(description))
    shared = SharedTurn(given, [conversation])
    shared.speak()
    shared.describe()
    shared.show(0, face)
    shared.see()
    shared.reply()
    (taken,) = shared.taken()
    return Step(_or_raise(taken), step.portrait, shared.clock.seconds)


def _or_raise(taken: Taken | Exception) -> Taken:
    if isinstance(taken, Exception):
        raise taken
    return taken
