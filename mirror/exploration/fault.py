"""What went wrong in the panel, for a person: the whole message, and what to do."""

from dataclasses import dataclass

from mirror.chat.chat_error import ChatError
from mirror.counseling.reply import CounselorError, TooLong
from mirror.exploration.portrait import ClientError
from mirror.faces.rejection_sampling import FaceError, PortraitUnusable
from mirror.files.lock import FolderInUse
from mirror.run_folder import RunConflict
from mirror.services.service import ServiceError
from mirror.settings.errors import SettingsError

KEPT = "The conversation and your words are still here."
# The first kind that fits decides. Messages of the project say what to do; this is what to do in the panel.
ADVICE: tuple[tuple[type[Exception], str, str], ...] = (
    (PortraitUnusable, "The portrait cannot be used", "Choose another client, or give another portrait."),
    (FaceError, "No face", "Send it again: other seeds are used then. Or write another cue."),
    (CounselorError, "The counselor gave no reply", "Send it again: another seed is used then."),
    (TooLong, "Too long for the counselor", "Write less, or begin a new session."),
    (ChatError, "A model's server gave no answer", "When it is mended, send it again."),
    (ServiceError, "A service gave no answer", "When it is mended, send it again."),
    (ClientError, "This client cannot be used", "The session before is unchanged."),
    (RunConflict, "It cannot be saved in this run", "Start the panel again with another name for the run."),
    (FolderInUse, "It cannot be saved now", "Save it again when the other process has ended."),
    (SettingsError, "The settings do not fit", "Correct them, and start the panel again."),
    (FileNotFoundError, "Something is missing", "Put it there, then try it again."),
    (OSError, "A file or a connection failed", "Look at the disk and the network, then try it again."),
    (MemoryError, "Out of memory", "Close what else uses this memory, or choose smaller models; then try it again."),
    (ValueError, "That cannot be done", ""),
)
UNEXPECTED = "A fault of the program"
LOG = "Its log, where the panel was started, holds the traceback. Trying it again may help; please report it if not."


@dataclass(frozen=True)
class Fault:
    """What went wrong.

    Attributes:
        title: in a few words.
        message: the whole message of the error.
        advice: what to do, and that nothing is lost.
        is_expected: whether it is of a kind that the project raises on purpose.
    """

    title: str
    message: str
    advice: str
    is_expected: bool = True

    @classmethod
    def of(cls, error: Exception) -> "Fault":
        """The fault that an error tells of."""
        message = str(error).strip() or type(error).__name__
        for kind, title, advice in ADVICE:
            if isinstance(error, kind):
                return cls(title, message, f"{advice} {KEPT}".strip())
        return cls(UNEXPECTED, f"{type(error).__name__}: {message}", f"{LOG} {KEPT}", is_expected=False)
