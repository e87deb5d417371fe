"""The exchange of requests and answers with a vendor's Batch API through files that the user uploads and downloads."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mirror.building.screenplays.writing.commission import Request
from mirror.building.screenplays.writing.journal import own_fault
from mirror.chat.batch_files import (
    BatchAnswer,
    BatchPending,
    BatchRequest,
    read_answers,
    request_files,
    requested,
    write_requests,
)
from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.messages import Completion
from mirror.paths import display_path

OF_REQUEST = (400, 422)  # statuses that may concern one request alone, whatever their words
NAMED = 3  # custom_ids that a message names
log = logging.getLogger(__name__)


class BatchExchange:
    """The folder of a run's batches: `requests-<number>.jsonl`, and the vendor's files in `answers/`.

    Attributes:
        refused: after `answers`, the requests that the vendor refused twice for a reason that may be their own,
            by `Request.asked`.
        failures: after `answers`, how often each request was not answered for another reason, by custom_id.
    """

    def __init__(self, folder: Path, endpoint: ChatEndpoint) -> None:
        """Reads and writes nothing.

        Args:
            folder: of the batches.
            endpoint: builds the bodies and reads the answers, as for plain requests; sends nothing.
        """
        self.folder, self.endpoint = folder, endpoint
        self.refused: dict[str, ChatError] = {}
        self.failures: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._faults: tuple[str, ...] = ()

    @property
    def inbox(self) -> Path:
        """Where the user puts the vendor's files."""
        return self.folder / "answers"

    def answers(self, requests: Sequence[Request]) -> list[tuple[Request, Completion | ChatError]]:
        """Reads the answers that came, whatever their order; of several to one request, a completion counts first.

        Args:
            requests: all that may have been made; answers to others are named in the log.
        """
        read = read_answers(self.inbox)
        self._faults = read.faults
        known = {request.custom_id: request for request in requests}
        self._name_unknown(read.answers.keys() - known.keys())
        found: list[tuple[Request, Completion | ChatError]] = []
        for custom_id, answers in read.answers.items():
            if custom_id in known:
                request = known[custom_id]
                usable = [one for answer in answers if (one := self._answer(request, answer))]
                usable.sort(key=lambda one: isinstance(one, ChatError))
                found += [(request, usable[0])] if usable else []
        return found

    def require_all_answered(self, requests: Sequence[Request]) -> None:
        """Writes the requests that wait for no answer to new files.

        Args:
            requests: those without an answer.

        Raises:
            BatchPending: there are any.
            ValueError: files of answers have invalid lines; nothing is written then.
        """
        if self._faults:
            listed = "\n".join(f"  {fault}" for fault in self._faults[:20])
            raise ValueError(
                f"{len(self._faults)} lines of the batch's answers cannot be used:\n{listed}\n"
                "the answers in all other lines are kept; replace or remove these files, and start again"
            )
        if not requests:
            return
        written = {path: requested(path) for path in request_files(self.folder)}
        times = Counter(name for names in written.values() for name in names)
        new = [one for one in requests if times[one.custom_id] <= self.failures[one.custom_id]]
        bodies = [self.endpoint.body(one.commission.messages, one.seed) for one in new]
        lines = [BatchRequest(one.custom_id, body) for one, body in zip(new, bodies, strict=True)]
        paths = write_requests(self.folder, lines)
        waiting = {one.custom_id for one in requests} - {one.custom_id for one in new}
        old = [path for path, names in written.items() if names & waiting]
        raise BatchPending(self._message(len(requests), len(new), paths, old))

    def _answer(self, request: Request, answer: BatchAnswer) -> Completion | ChatError | None:
        """The answer to a request; None for one that says nothing about it, which is counted."""
        if answer.status is None:
            self._fail(request, answer.error)
            return None
        body = self.endpoint.body(request.commission.messages, request.seed)
        found = self.endpoint.read(body, answer.status, answer.body)
        if isinstance(found, Completion) or (found and own_fault(found)):
            return found
        self._fail(request, str(found or "a parameter was refused, and is left out from now on"))
        if found and found.status in OF_REQUEST and self.failures[request.custom_id] > 1:
            self.refused[request.asked] = found
        return None

    def _fail(self, request: Request, reason: str) -> None:
        self.failures[request.custom_id] += 1
        self._reasons[reason] += 1

    def _name_unknown(self, names: set[str]) -> None:
        ours = {name for path in request_files(self.folder) for name in requested(path)}
        if unknown := sorted(names - ours):
            listed = ", ".join(map(repr, unknown[:NAMED])) + ", …" * (len(unknown) > NAMED)
            log.warning(
                "%s: %d answers to requests that this run has not made (custom_id %s); they are left aside",
                display_path(self.inbox),
                len(unknown),
                listed,
            )

    def _message(self, open_: int, new: int, paths: Sequence[Path], old: Sequence[Path]) -> str:
        lines = [f"{open_} requests wait for the vendor's batch."]
        if self._reasons:
            lines.append("Not answered so far:")
            lines += [f"  {count} times: {reason}" for reason, count in self._reasons.most_common(NAMED)]
        if paths:
            names = ", ".join(map(display_path, paths))
            lines.append(f"Upload ({new} requests, endpoint /v1/chat/completions): {names}")
        if old:
            names = ", ".join(map(display_path, old))
            lines.append(f"Without all of its answers: {names}; if its batch was cancelled or lost, remove the file")
        lines.append(f"Put the vendor's output and error files into {display_path(self.inbox)}/, and start again.")
        return "\n".join(lines)
