"""A worker of a run: holds a whole cast, and takes the turns of sessions that another process keeps. Writes no file."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue

import torch

from mirror.clients.returns import session_seed
from mirror.counseling.cast import Cast, left_out
from mirror.counseling.casting import build_cast
from mirror.counseling.outcome import Failure
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Taken, face_files
from mirror.counseling.workers.messages import Given, HandIn, Orders, Report
from mirror.counseling.workers.waves import EndedTurn, Waves, rooms_of_waves
from mirror.faces.rejection_sampling import ShownFace
from mirror.files.image_file import png
from mirror.models.device import device_name, resolve_device
from mirror.paths import input_path
from mirror.transcripts.session_folder import Picture
from mirror.transcripts.turn import Conversation, Turn
from mirror.workers.worker import Loaded, ModelWorker, require_files


class GivenSession:
    """A session in the hands of a worker: its conversation, and the pictures of the turn that is under way."""

    def __init__(self, given: Given, settings: CounselSettings) -> None:
        """Finds the portraits on this machine."""
        folder = input_path(settings.portraits)
        profile = replace(given.profile, portraits=tuple(folder / path for path in given.profile.portraits))
        seed = session_seed(settings.seed, given.session)
        self.conversation = Conversation(profile, given.turns, seed, given.session, given.memory)
        self._written: dict[int, bytes] = {}  # by the identity of a picture
        self._faces: Mapping[str, Picture] = {}  # keeps the pictures, and so their identities

    def write_faces(self, face: ShownFace) -> None:
        """See `Underway.write_faces`."""
        self._faces = face_files(self.conversation.number, face)
        self._written = {id(image): _png(image) for image in {id(i): i for i in self._faces.values()}.values()}

    def written(self, images: Mapping[str, Picture]) -> dict[str, bytes]:
        """The pictures of the turn as PNG files; the face that is shown is one of the attempts, too."""
        self._written |= {id(image): _png(image) for image in images.values() if id(image) not in self._written}
        found = {file: self._written[id(image)] for file, image in images.items()}
        self._faces, self._written = {}, {}
        return found

    def go_on(self, turn: Turn) -> None:
        """Adds a turn."""
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, turn))


def _png(image: Picture) -> bytes:
    return image if isinstance(image, bytes) else png(image)


class OutsideDesk:
    """Hands turns in, and waits for orders from another process."""

    def __init__(self, settings: CounselSettings, waves: int) -> None:
        """Begins with no session."""
        self.settings = settings
        self.handed_in: SimpleQueue[HandIn | Future[None]] = SimpleQueue()
        self.orders: list[SimpleQueue[Orders]] = [SimpleQueue() for _ in range(waves)]

    def exchange(self, ended: EndedTurn[GivenSession]) -> list[GivenSession]:
        """See `Desk.exchange`."""
        results = tuple(map(_sent, ended.sessions, ended.results))
        clients = tuple(session.conversation.profile.idx for session in ended.sessions)
        self.handed_in.put(HandIn(ended.wave, clients, results, ended.seconds, ended.room))
        orders = self.orders[ended.wave].get()
        going_on = []
        for session, idx, result in zip(ended.sessions, clients, results, strict=True):
            if idx in orders.going_on and isinstance(result, Taken):
                session.go_on(result.turn)
                going_on.append(session)
        return going_on + [GivenSession(given, self.settings) for given in orders.new]

    def close(self) -> None:
        """See `Desk.close`."""
        for number, orders in enumerate(self.orders):
            orders.put(Orders(number))

    def collect(self) -> tuple[list[HandIn], bool]:
        """Waits for a hand-in, or for the end of all waves; what there is, and whether they have ended.

        Raises:
            Exception: what ended the waves.
        """
        found: list[HandIn] = []
        item = self.handed_in.get()
        while True:
            if isinstance(item, Future):
                item.result()
                return found, True
            found.append(item)
            try:
                item = self.handed_in.get_nowait()
            except Empty:
                return found, False


def _sent(session: GivenSession, result: Taken | Exception) -> Taken | Failure:
    if isinstance(result, Taken):
        return Taken(result.turn, session.written(result.images))
    failure = Failure.of(result, session.conversation.number)
    return replace(failure, images=session.written(failure.images))


class SessionWorker(ModelWorker):
    """Takes turns of the sessions that it is given."""

    def __init__(self, settings: CounselSettings) -> None:
        """Loads nothing."""
        super().__init__()
        self.settings = settings

    def load(self) -> Loaded:
        """Loads the models.

        Raises:
            Exception: as `build`.
        """
        self.cast = self.in_thread(self.build)
        device = device_name(torch.device(resolve_device(self.settings.device)))
        return self.loaded(self.in_thread(self.cast.facts), device)

    def build(self) -> Cast:
        """The cast.

        Raises:
            SettingsError: this machine lacks files that the settings name.
            DoesNotFit, FileNotFoundError, ValueError: as `build_cast`.
        """
        require_files(self.settings.missing())
        return build_cast(self.settings)

    def begin(self, together: int) -> Report:
        """Compiles what turns of so many sessions need, and asks for sessions.

        Args:
            together: the number of sessions that advance together at most.
        """
        rooms = rooms_of_waves(together, 1 if self.cast.rotates else self.settings.waves)
        desk = self.desk = OutsideDesk(self.settings, len(rooms))
        self.in_thread(lambda: self.cast.warm_up(together))
        under_way = self.thread.submit(Waves(self.cast, desk, rooms, desk_is_remote=True).run)
        under_way.add_done_callback(desk.handed_in.put)
        return self._report()

    def exchange(self, orders: list[Orders]) -> Report:
        """Passes orders on to the waves that wait for them, and waits for the next turn that ends."""
        for each in orders:
            self.desk.orders[each.wave].put(each)
        return self._report()

    def _report(self) -> Report:
        hand_ins, has_ended = self.desk.collect()
        return Report(
            tuple(hand_ins), has_ended, left_out(self.cast, tuple(self.settings.models)), self.warnings.collect()
        )
