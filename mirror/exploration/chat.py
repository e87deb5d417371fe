"""A chat over an exploration: what can be done, what is being done, and what went wrong. Notebook and page show it.

Knows no widget and no browser. One action at a time: a second one is refused while one is under way.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirror.exploration import actions
from mirror.exploration.comparison import LABELS, Vote, keep_vote, shown_order
from mirror.exploration.fault import Fault
from mirror.exploration.portrait import ClientError, Portraits
from mirror.exploration.run import Exchange, Exploration, who_counsels
from mirror.exploration.stand_ins import Stopped
from mirror.exploration.transcript import next_name, save
from mirror.exploration.view.exchange import exchange_page
from mirror.paths import display_path
from mirror.prompts import Utterance
from mirror.transcripts.profile import Profile

log = logging.getLogger(__name__)

DOING = {
    actions.Begin: "beginning a session",
    actions.Say: "beginning the turn",
    actions.Listen: "beginning the turn",
    actions.Again: "beginning the turn again",
    actions.TakeBack: "taking it back",
    actions.Save: "saving the session",
    actions.GivePortrait: "looking at the portrait",
    actions.CastVote: "keeping your vote",
}
ENDED = "you have voted on this session, so it stays as it is; begin a new one"


class Busy(RuntimeError):
    """Another action is under way."""


@dataclass(frozen=True)
class Draft:
    """Words of a turn that was taken back, to be typed again; a larger `number` is a newer one."""

    number: int = 0
    cue: str = ""
    words: str = ""


@dataclass
class Sitting:
    """What is known of a session beside its turns.

    Attributes:
        order: the counselors in the order in which they are shown.
        vote: on two counselors; None before it, and with one counselor.
        name: of the session, once it is saved.
        folders: where it is saved, one per counselor.
        saved: the turns that are saved, by their serial numbers.
    """

    order: tuple[int, ...]
    vote: Vote | None = None
    name: str = ""
    folders: tuple[Path, ...] = ()
    saved: tuple[int, ...] = ()


class Chat:
    """One conversation, as a person has it.

    Attributes:
        exploration: what takes the turns.
        listeners: called without arguments after every change, in the thread of the change.
        version: grows with every change.
        doing: what is being done; empty if nothing is.
        typed: what is being answered; None if nothing that was typed is.
        fault: what went wrong last; None after an action that went well.
        went_well: whether the last action did.
        note: what was done last, such as where a session was saved.
        draft: the words of the turn that was taken back last.
        sitting: what is known of the session beside its turns.
        sessions: the number of sessions that were begun or brought back.
    """

    def __init__(self, exploration: Exploration) -> None:
        """The conversation of the exploration goes on, but for a comparison: who replied in it may have been seen."""
        self.exploration = exploration
        if exploration.is_comparison:
            exploration.begin(exploration.profile)
        self.listeners: list[Callable[[], None]] = []
        self.version, self.sessions, self.doing, self.note = 0, 1, "", ""
        self.went_well = True
        self.typed: Utterance | None = None
        self.fault: Fault | None = None
        self.draft = Draft()
        self.sitting = self._new_sitting()
        self._earlier: tuple[Profile, tuple[Exchange, ...], Sitting] | None = None
        self._portraits = Portraits()
        self._lock, self._stopped = threading.Lock(), threading.Event()

    def accept(self, action: actions.Action) -> Callable[[], bool]:
        """Takes an action on; until it has been done, every other one is refused.

        Returns:
            Does it, and tells whether it went well. What goes wrong is in `fault`, and changes nothing else.

        Raises:
            Busy: another one is under way.
        """
        if not self._lock.acquire(blocking=False):
            raise Busy(f"{self.doing or 'something else is under way'}; wait until it is done, or stop it")
        self._stopped.clear()
        self.fault, self.note, self.doing = None, "", DOING[type(action)]
        self.typed = Utterance(action.cue, action.words) if isinstance(action, actions.Say) else None
        self._changed()
        return lambda: self._do(action)

    def stop(self) -> None:
        """Ends the action that is under way before its next step, such as the next attempt at a face."""
        if self.doing and not self._stopped.is_set():
            self._stopped.set()
            self.doing = f"stopping after {self.doing}"
            self._changed()

    # What there is to show ----------------------------------------------------------------------------------------

    @property
    def is_blind(self) -> bool:
        """Whether it must not be seen who counsels."""
        return self.exploration.is_comparison and self.sitting.vote is None

    @property
    def counselors(self) -> tuple[str, ...]:
        """Who counsels, a sentence each, in the order shown; nobody while it must not be seen."""
        sides, runs = self.exploration.sides, self.exploration.explored.runs
        if self.is_blind:
            return ()
        if len(sides) == 1:
            return (who_counsels(sides[0]),)
        shown = zip(LABELS, self.sitting.order, strict=True)
        return tuple(f"{label} was {runs[side]}. {who_counsels(sides[side])}" for label, side in shown)

    @property
    def names(self) -> tuple[str, ...]:
        """What the counselors are called, in the order shown."""
        if len(self.sitting.order) == 1:
            return ("Counselor",)
        runs = self.exploration.explored.runs
        shown = zip(LABELS, self.sitting.order, strict=True)
        return tuple(f"Counselor {label}" + f" · {runs[side]}" * (not self.is_blind) for label, side in shown)

    def exchange_page(self, exchange: Exchange) -> str:
        """An exchange as HTML, as it may be seen now."""
        explored = self.exploration
        who = explored.profile.name or "The client"
        return exchange_page(
            exchange, who, dict(zip(self.names, self.sitting.order, strict=True)), self.is_blind, explored.policy
        )

    @property
    def is_saved(self) -> bool:
        """Whether every turn is saved; also if there is none."""
        return self.sitting.saved == tuple(one.serial for one in self.exploration.exchanges)

    @property
    def can(self) -> frozenset[str]:
        """The actions that make sense now, by their names; `restore` stands for taking back a whole session."""
        if self.doing:
            return frozenset({"stop"})
        explored, open_ = self.exploration, self.sitting.vote is None
        has_turns = bool(explored.exchanges)
        found = {
            "say": open_ and not explored.conversation.ended,
            "listen": open_ and not explored.conversation.ended and self._listens,
            "again": open_ and has_turns,
            "take_back": open_ and has_turns,
            "restore": not has_turns and self._earlier is not None,
            "save": has_turns and not self.is_saved,
            "vote": has_turns and self.is_blind,
            "begin": True,
            "portrait": True,
        }
        return frozenset(name for name, is_so in found.items() if is_so)

    @property
    def _listens(self) -> bool:
        explored = self.exploration
        if explored.profile.resistance is None:  # nobody can act a client who is only a portrait
            return False
        return not (explored.is_comparison and explored.exchanges)

    # Actions ------------------------------------------------------------------------------------------------------

    def _do(self, action: actions.Action) -> bool:
        self.went_well = False
        try:
            self.note = self._acted(action)
            self.went_well = True
        except (Stopped, KeyboardInterrupt):
            self.note = "Stopped; nothing was added."
        except Exception as error:  # whatever it is, the chat goes on, and nothing that was said or typed is lost
            self.fault = Fault.of(error)
            if not self.fault.is_expected:
                log.exception("the panel could not do %r", action.action)
        finally:
            self.doing, self.typed = "", None
            self._lock.release()
            self._changed()
        return self.went_well

    def _acted(self, action: actions.Action) -> str:
        """Does an action; returns what to note of it."""
        explored = self.exploration
        changes = actions.Say | actions.Listen | actions.Again | actions.CastVote
        if self.sitting.vote and isinstance(action, changes):
            raise ValueError(ENDED)
        match action:
            case actions.Begin(client=idx):
                if idx not in explored.profiles:
                    raise ValueError(f"the table has no client {idx!r:.80}; choose one of the list")
                self._begin(explored.profiles[idx])
            case actions.Say(cue=cue, words=words):
                explored.say(cue, words, self._tell)
            case actions.Listen():
                explored.listen(1, self._tell)
            case actions.Again():
                explored.again(self._tell)
            case actions.TakeBack():
                self._take_back()
            case actions.Save():
                return self._save()
            case actions.GivePortrait():
                self._use_portrait(action)
            case actions.CastVote(vote=vote, reason=reason):
                return self._cast(vote, reason)
        return ""

    def _begin(self, client: Profile) -> None:
        explored = self.exploration
        if explored.exchanges:
            self._earlier = explored.profile, explored.exchanges, self.sitting
        explored.begin(client)
        self.sitting, self.sessions = self._new_sitting(), self.sessions + 1

    def _new_sitting(self) -> Sitting:
        explored = self.exploration
        if not explored.is_comparison:
            return Sitting((0,))
        return Sitting(shown_order(explored.settings.seed, next_name(explored)))

    def _take_back(self) -> None:
        explored = self.exploration
        if not explored.exchanges and self._earlier:
            explored.profile, explored.exchanges, self.sitting = self._earlier
            self._earlier, self.sessions = None, self.sessions + 1
            return
        if self.sitting.vote:
            raise ValueError(ENDED)
        turn = explored.take_back().steps[0].taken.turn
        self.draft = Draft(self.draft.number + 1, turn.cue, turn.words)

    def _use_portrait(self, action: actions.GivePortrait) -> None:
        if bool(action.picture) == bool(action.path):
            raise ClientError("give a picture, or the path of one")
        self._tell("loading the models, and looking for the face")
        painter = self.exploration.cast.painter
        self._begin(self._portraits.profile(action.picture or action.path, action.about, painter))

    def _save(self) -> str:
        sitting, explored = self.sitting, self.exploration
        sitting.name, sitting.folders = save(explored, sitting.name)
        sitting.saved = tuple(one.serial for one in explored.exchanges)
        shown = " and ".join(sorted(map(display_path, sitting.folders)))
        return f"Saved in {shown}."

    def _cast(self, vote: Vote, reason: str) -> str:
        if not self.exploration.is_comparison:
            raise ValueError("there is one counselor; a vote needs two, so name another one (against)")
        sitting = self.sitting
        saved, (first, second) = self._save(), sitting.order
        counted = keep_vote(self.exploration, sitting.name, sitting.folders, (first, second), vote, reason)
        sitting.vote = vote
        return f"{' '.join(self.counselors)} {counted} {saved}"

    def _tell(self, doing: str) -> None:
        if self._stopped.is_set():
            raise Stopped
        self.doing = doing
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        for listener in tuple(self.listeners):
            listener()
