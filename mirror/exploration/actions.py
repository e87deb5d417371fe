"""What a person can do in the panel, as checked records; as JSON, they are what the page sends."""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from mirror.exploration.comparison import Vote
from mirror.exploration.portrait import OwnClient
from mirror.exploration.settings import Typed


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Begin(_Action):
    """Begin a new session with a client of the table, by idx."""

    action: Literal["begin"] = "begin"
    client: Typed


class Say(_Action):
    """Take a turn with what was typed; both may be empty."""

    action: Literal["say"] = "say"
    cue: Typed
    words: Typed


class Listen(_Action):
    """Let the cast's own client speak."""

    action: Literal["listen"] = "listen"


class TakeBack(_Action):
    """Take back the last turn; without one, bring back the session before this one."""

    action: Literal["take_back"] = "take_back"


class Again(_Action):
    """Try the last turn again with another seed."""

    action: Literal["again"] = "again"


class Save(_Action):
    """Save the session as a transcript."""

    action: Literal["save"] = "save"


class GivePortrait(_Action):
    """Begin a new session with a client of one's own.

    Attributes:
        picture: an image file; empty if `path` names one.
        path: of an image file on this machine.
        about: who it is.
    """

    action: Literal["portrait"] = "portrait"
    picture: Base64Bytes = b""
    path: Typed = ""
    about: OwnClient = OwnClient()


class CastVote(_Action):
    """Say which of two counselors was better; this saves the session and tells who they were."""

    action: Literal["vote"] = "vote"
    vote: Vote
    reason: Typed = ""


Action = Annotated[
    Begin | Say | Listen | TakeBack | Again | Save | GivePortrait | CastVote, Field(discriminator="action")
]
