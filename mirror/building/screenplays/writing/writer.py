"""Has a chat model write the sessions of clients: by requests of its own, or by files for the vendor's Batch API.

Every answer is in the journal, on disk, the moment it arrives, also one that the parser rejects; the sessions are read
from the journal alone. So a start after a kill asks only for what has no answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from tqdm import tqdm

from mirror.asking import ask_all
from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays.screenplay import ClientInfo, Line, Screenplay
from mirror.building.screenplays.writing.batch_exchange import BatchExchange
from mirror.building.screenplays.writing.commission import Commission, Request, commissions
from mirror.building.screenplays.writing.cost import WritingCost, writing_cost
from mirror.building.screenplays.writing.journal import FILE, NoSession, WrittenRecord, own_fault
from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.messages import Completion
from mirror.chat.prices import Price
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid
from mirror.files.atomic import write_bytes
from mirror.files.json_lines import append_line, encoded, read_lines
from mirror.natural_order import natural_key
from mirror.progress_bar import progress_bar

# The published sampling of the writer; each is a parameter of `ChatEndpoint`.
SAMPLING = {
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 1024,
    "frequency_penalty": 0.2,
    "presence_penalty": 0.2,
}
ATTEMPTS = 2
OF_REQUEST = (400, 422)  # statuses that may concern one request alone, whatever their words
REFUSED = 3  # such answers in a row after which they concern all requests
GO_ON = "every answer that came is on disk; start the same build again, and only what is left is asked"

Parser = Callable[[str], tuple[Line, ...]]
_NOBODY = ClientInfo("")


class WritingStopped(RuntimeError):
    """The endpoint gives no more answers. The message says why, what is on disk, and how to go on."""


class _Unasked(Exception):
    """In place of the answer to a request that has none yet."""

    def __init__(self, request: Request) -> None:
        super().__init__("not asked yet")
        self.request = request


class Writer:
    """Writes sessions and keeps every answer in `<folder>/written.jsonl`.

    A writer serves one process at a time; the run's folder is locked by its stage.
    """

    def __init__(
        self,
        endpoint: ChatEndpoint,
        folder: Path,
        parse: Parser,
        *,
        seed: int,
        attempts: int = ATTEMPTS,
        concurrency: int = 8,
    ) -> None:
        """Reads the journal; sends nothing.

        Args:
            endpoint: the model, with its sampling (`SAMPLING` are the published values).
            folder: of the run.
            parse: reads the lines of a session; raises a ValueError that says what is wrong with its text.
            seed: of the run.
            attempts: how often a session is asked for at most, ≥ 1.
            concurrency: the maximum number of concurrent requests.

        Raises:
            JsonLinesError: the journal has an invalid line.
        """
        self.endpoint, self.folder, self.parse = endpoint, folder, parse
        self.run_seed, self.attempts, self.concurrency = seed, attempts, concurrency
        self.records = {record.asked: record for record in read_lines(self._journal, WrittenRecord)}
        self._refused: dict[str, NoSession] = {}  # of this start only: they cost nothing, and may be answered later

    def write(self, clients: Sequence[Screenplay], kinds: Sequence[str]) -> Sifted[Screenplay]:
        """Writes one session per client and kind of resistance.

        Args:
            clients: without lines.
            kinds: some of `mirror.building.screenplays.writing.commission.KINDS`.

        Returns:
            The sessions, sorted by idx; dropped are those that no attempt brought.

        Raises:
            WritingStopped: the endpoint is at fault. Requests under way were completed and kept before.
        """
        wanted = commissions(clients, kinds)
        left = len(self.unanswered(wanted.kept))
        with progress_bar("writing", "sessions", len(wanted.kept), len(wanted.kept) - left) as bar:
            while requests := self.unanswered(wanted.kept):
                self._ask_all(requests, bar)
        return self._sifted(wanted)

    def write_in_batches(self, clients: Sequence[Screenplay], kinds: Sequence[str]) -> Sifted[Screenplay]:
        """Writes the sessions by files in `<folder>/batch/` that the user exchanges with the vendor.

        Answers in `batch/answers/*.jsonl` are kept in the journal; requests without one are written to new files.

        Args:
            clients: as for `write`.
            kinds: as for `write`.

        Returns:
            As `write`, once every session has its answer.

        Raises:
            BatchPending: requests wait for answers.
            ValueError: a file of the batch has invalid lines; the answers in all others were kept.
        """
        wanted = commissions(clients, kinds)
        exchange = BatchExchange(self.folder / "batch", self.endpoint)
        for request, answer in exchange.answers(self._requests(wanted.kept)):
            if request.asked not in self.records:
                self._keep(request, answer)
        if self.records:
            self._set_aside(exchange.refused)
        exchange.require_all_answered(self.unanswered(wanted.kept))
        return self._sifted(wanted)

    def estimate(self, clients: Sequence[Screenplay], kinds: Sequence[str], price: Price | None = None) -> WritingCost:
        """Estimates what is left to pay, and sums up what was paid; asks nothing.

        Args:
            clients: as for `write`.
            kinds: as for `write`.
            price: of the model; None leaves the dollars out.
        """
        requests = self.unanswered(commissions(clients, kinds).kept)
        limit = int(self.endpoint.sampling["max_tokens"])
        return writing_cost(requests, self.records.values(), self.attempts, limit, price)

    def unanswered(self, wanted: Sequence[Commission]) -> list[Request]:
        """The next request of every session that is neither written nor dropped."""
        results = (self._result(one) for one in wanted)
        lasts = (result.last for result in results if isinstance(result, NoneAccepted))
        return [last.request for last in lasts if isinstance(last, _Unasked)]

    def request(self, one: Commission, attempt: int) -> Request:
        """An attempt at a session, counted from 1."""
        seed = one.seed(self.run_seed, attempt)
        return Request(one, attempt, seed, one.digest(self.endpoint.name, self.endpoint.sampling, seed))

    def _requests(self, wanted: Sequence[Commission]) -> list[Request]:
        return [self.request(one, attempt) for one in wanted for attempt in range(1, self.attempts + 1)]

    def _result(self, one: Commission) -> Accepted[tuple[Line, ...]] | NoneAccepted:
        """What the answers so far give; the last is `_Unasked` where another is to be asked for."""

        def answer(_: Sequence[Commission], attempt: int) -> list[Completion | Exception]:
            request = self.request(one, attempt)
            record = self.records.get(request.asked)
            return [record.answer if record else self._refused.get(request.asked, _Unasked(request))]

        (result,) = ask_until_valid([one], answer, self._lines, self.attempts, _is_retryable)
        return result

    def _lines(self, _: Commission, answer: Completion) -> tuple[Line, ...]:
        if answer.finish_reason == "length":
            raise RejectedAnswer(f"cut off at the limit of {self.endpoint.sampling['max_tokens']} tokens")
        try:
            lines = self.parse(answer.text)
        except ValueError as error:
            raise RejectedAnswer(str(error)) from None
        if not Screenplay("", _NOBODY, "", (), lines).therapist_lines:
            raise RejectedAnswer("no line of the therapist answers one of the client")
        return lines

    def _ask_all(self, requests: Sequence[Request], bar: "tqdm[Any]") -> None:
        """Asks the requests, and stops once the endpoint itself is at fault."""
        faults: list[ChatError] = []
        refused: dict[str, ChatError] = {}
        in_a_row = 0

        def is_last(answer: Completion | Exception) -> bool:
            nonlocal in_a_row
            in_a_row = in_a_row + 1 if _may_concern_itself(answer) else 0
            return in_a_row >= REFUSED or _is_vendors(answer)

        for request, answer in ask_all(requests, self._ask, self.concurrency, self._keep, is_last):
            if _is_vendors(answer):
                faults.append(answer)
            elif _may_concern_itself(answer):
                refused[request.asked] = answer
            elif not self.unanswered([request.commission]):
                bar.update()
        if refused and (in_a_row >= REFUSED or not self.records):
            faults += refused.values()
        if faults:
            raise WritingStopped(self._stopped(faults))
        self._set_aside(refused)
        bar.update(len(refused))

    def _ask(self, request: Request) -> Completion | Exception:
        return self.endpoint.complete([request.commission.messages], [request.seed])[0]

    def _keep(self, request: Request, answer: Completion | Exception) -> None:
        record = WrittenRecord.of(request.commission.idx, request.attempt, request.asked, request.seed, answer)
        if record:
            append_line(self._journal, record)
            self.records[request.asked] = record

    def _set_aside(self, refused: Mapping[str, ChatError]) -> None:
        """Takes refusals as their requests' own: the endpoint has answered others."""
        self._refused |= {asked: NoSession(str(error), "refused", True) for asked, error in refused.items()}

    def _stopped(self, faults: Sequence[ChatError]) -> str:
        counted = Counter(map(str, faults)).most_common(3)
        lines = [f"  {count} times: {fault}" for fault, count in counted]
        return "\n".join(["the writer gives no more answers:", *lines, f"{len(self.records)} answers so far; {GO_ON}"])

    def _settle(self) -> None:
        """Puts the journal in order: once all is answered, it does not depend on the order of the answers."""
        records = sorted(self.records.values(), key=lambda one: (natural_key(one.idx), one.attempt, one.asked))
        content = b"".join(map(encoded, records))
        if records and self._journal.read_bytes() != content:
            write_bytes(self._journal, content)

    def _sifted(self, wanted: Sifted[Commission]) -> Sifted[Screenplay]:
        self._settle()
        kept, dropped = [], list(wanted.dropped)
        for one in wanted.kept:
            result = self._result(one)
            if isinstance(result, Accepted):
                kept.append(one.screenplay(result.value, result.completion.model))
            else:
                dropped.append(_dropped(one, result))
        return Sifted(tuple(kept), tuple(dropped))

    @property
    def _journal(self) -> Path:
        return self.folder / FILE


def _is_retryable(error: Exception) -> bool:
    return isinstance(error, NoSession) and not error.is_final


def _may_concern_itself(answer: Completion | Exception) -> TypeGuard[ChatError]:
    """Whether a refusal does not say if it is about this request or about all."""
    return isinstance(answer, ChatError) and not own_fault(answer) and answer.status in OF_REQUEST


def _is_vendors(answer: Completion | Exception) -> TypeGuard[ChatError]:
    return isinstance(answer, ChatError) and not own_fault(answer) and answer.status not in OF_REQUEST


def _dropped(one: Commission, result: NoneAccepted) -> Dropped:
    last, times = result.last, f"{len(result.attempts)} of {len(result.attempts)} attempts failed; the last: "
    if isinstance(last, NoSession):
        return Dropped("write", one.idx, None, last.fault, times + str(last))
    is_cut = isinstance(last, Completion) and last.finish_reason == "length"
    return Dropped("write", one.idx, None, "cut_off" if is_cut else "unparsable", times + str(result))
