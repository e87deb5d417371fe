"""Clients that come back: how often, and what is remembered of the sessions before.

The record of it is `session.json` in the folder of every session but a client's first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mirror.chat.prices import expected_tokens
from mirror.files.json_file import read_json
from mirror.paths import display_path
from mirror.prompts import Utterance, format_utterance
from mirror.seeds import seed_for
from mirror.transcripts.session_folder import SESSION, SessionFolder
from mirror.transcripts.session_name import client_of, number_of
from mirror.transcripts.turn import Memory, Turn


@dataclass(frozen=True)
class Returns:
    """How often each client comes, and what is remembered.

    Attributes:
        sessions: per client, one after another.
        memory: `transcript`: client and counselor know what was said before; `none`: nobody does, and every session
            begins like a first one.
        tokens: of what was said before that are told at most, a token per four characters.
    """

    sessions: int = 1
    memory: Literal["transcript", "none"] = "transcript"
    tokens: int = 4096

    @property
    def are_remembered(self) -> bool:
        """Whether there is a later session that remembers."""
        return self.sessions > 1 and self.memory == "transcript"

    def remember(self, earlier: Sequence[tuple[Turn, ...]]) -> Memory:
        """What is remembered of earlier sessions, from the first: their last turns that fit.

        The turns that nobody is told any more still count in the client's trust.
        """
        if self.memory == "none":
            return Memory()
        turns = [turn for session in earlier for turn in session]
        left = self.tokens
        for place in reversed(range(len(turns))):
            left -= turn_tokens(turns[place])
            if left < 0:
                return Memory(tuple(earlier), place + 1)
        return Memory(tuple(earlier))


def turn_tokens(turn: Turn) -> int:
    """The tokens of a turn with its cue, as the client remembers it, by rule of thumb."""
    return expected_tokens(format_utterance(Utterance(turn.cue, turn.words))) + expected_tokens(turn.reply)


def session_seed(seed: int, number: int) -> int:
    """The seed of a client's session: that of the run for the first one."""
    return seed if number == 1 else seed_for(seed, "session", number)


def session_record(folder: SessionFolder, before: SessionFolder, returns: Returns, memory: Memory) -> dict[str, Any]:
    """The record of a later session: which one it is, what it follows, and what is remembered.

    Args:
        folder: of the session.
        before: the session before it, which is complete.
        returns: of the run.
        memory: of the earlier sessions.
    """
    told = [turn for _, turns in memory.told for turn in turns]
    remembered = {"turns": sum(map(len, memory.sessions)), "told": len(told), "tokens": sum(map(turn_tokens, told))}
    limit = {"memory_tokens": returns.tokens, "remembered": remembered} if returns.memory != "none" else {}
    return {
        "client": client_of(folder.folder.name),
        "session": number_of(folder.folder.name),
        "follows": before.folder.name,
        "follows_sha256": _content(before),
        "memory": returns.memory,
        **limit,
    }


def order_faults(folder: SessionFolder, before: SessionFolder) -> list[str]:
    """What is wrong with a later session that has begun: the one before it is not complete, or was another then.

    Raises:
        TranscriptError: the session before is damaged.
    """
    path = folder.folder / SESSION
    if not path.is_file():
        return []
    advice = f"restore {display_path(before.folder)}, or remove {display_path(folder.folder)} to hold it again"
    if (before.ended or {}).get("status") != "complete":
        return [f"{display_path(path)} says that it follows {before.folder.name}, which is not complete; {advice}"]
    try:
        written = read_json(path)
    except ValueError as error:
        return [f"{error}; {advice}"]
    if written.get("follows_sha256") != _content(before):
        return [f"{display_path(path)} says that it follows {before.folder.name}, which was another one then; {advice}"]
    return []


def _content(session: SessionFolder) -> str:
    """SHA-256 of the turns of a complete session, as it was recorded at its end."""
    files: Mapping[str, Any] = (session.ended or {}).get("files", {})
    return str(files.get("turns.jsonl", {}).get("sha256", ""))
