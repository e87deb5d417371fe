"""The files of a vendor's Batch API: requests to upload, and the answers that come back. Sends nothing.

The format is OpenAI's (https://platform.openai.com/docs/guides/batch): one JSON object per line. The answers come in
any order, in a file of outputs and a file of errors, for a part of the requests if the batch expired.
"""

import codecs
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from mirror.files.atomic import write_bytes
from mirror.files.json_file import strict_json
from mirror.paths import display_path
from mirror.services.server_json import parsed

MOST_REQUESTS = 50_000  # of a file
MOST_BYTES = 200_000_000  # of a file
URL = "/v1/chat/completions"
SHOWN = 200  # characters of a vendor's text that are kept as a reason


class BatchPending(RuntimeError):
    """Requests are waiting for the vendor's batch. The message says what to upload, and where the answers belong."""


@dataclass(frozen=True)
class BatchRequest:
    """One request of a batch.

    Attributes:
        custom_id: names it in the answers; unique in a batch.
        body: what a plain request would send.
    """

    custom_id: str
    body: Mapping[str, Any]

    @property
    def line(self) -> bytes:
        """Its line in a file, with the line feed."""
        record = {"custom_id": self.custom_id, "method": "POST", "url": URL, "body": self.body}
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True)
class BatchAnswer:
    """One line of the vendor's files.

    Attributes:
        id: the vendor's name of the answer; two failures of one request differ by it.
        custom_id: of the request.
        status: the HTTP status of the response; None if the request was never answered (expired, say).
        body: the body of the response; empty without one.
        error: why there is no response, in the vendor's words; empty with one.
    """

    id: str
    custom_id: str
    status: int | None
    body: str
    error: str


@dataclass(frozen=True)
class BatchAnswers:
    """What a folder of answers holds.

    Attributes:
        answers: by custom_id, in an order of their own; a line that occurs twice counts once.
        faults: lines that are no answers, one sentence each; all others were read.
    """

    answers: Mapping[str, tuple[BatchAnswer, ...]]
    faults: tuple[str, ...]


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _AnswerLine(BaseModel):
    id: Any = None
    custom_id: str
    response: Annotated[_Response | None, BeforeValidator(lambda value: value or None)] = None
    error: Any = None


def write_requests(
    folder: Path, requests: Sequence[BatchRequest], most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES
) -> list[Path]:
    """Writes requests into as few new files `requests-<number>.jsonl` as the vendor's limits allow.

    Args:
        folder: where the files belong; earlier ones stay as they are, and the numbers go on from theirs.
        requests: in the order of their lines.
        most_requests: of a file.
        most_bytes: of a file.

    Raises:
        ValueError: two requests have one custom_id, or a single request is larger than a file may be.
    """
    if twice := [name for name, count in Counter(one.custom_id for one in requests).items() if count > 1]:
        raise ValueError(f"{len(twice)} custom_ids occur twice in the requests of a batch, such as {twice[0]!r}")
    number = max([0, *(_number(path) for path in request_files(folder))])
    paths = []
    for lines in _portions(requests, most_requests, most_bytes):
        number += 1
        paths.append(folder / f"requests-{number:03}.jsonl")
        write_bytes(paths[-1], b"".join(lines))
    return paths


def request_files(folder: Path) -> list[Path]:
    """Returns the files of requests in a folder, in the order of their numbers."""
    found = [path for path in folder.glob("requests-*.jsonl") if path.stem.removeprefix("requests-").isdecimal()]
    return sorted(found, key=_number)


def requested(path: Path) -> set[str]:
    """Returns the custom_ids in a file of requests.

    Raises:
        ValueError: a line is no request; the message names it.
    """
    found = set()
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                found.add(str(strict_json(line)["custom_id"]))
            except (ValueError, KeyError, TypeError):
                where = f"{display_path(path)}: line {number}"
                raise ValueError(f"{where}: is no request of a batch; remove the file and start again") from None
    return found


def read_answers(folder: Path) -> BatchAnswers:
    """Reads every `*.jsonl` in a folder: outputs and errors of any batches, complete or not.

    Args:
        folder: may be missing.
    """
    found: dict[str, set[BatchAnswer]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in _lines(path):
            try:
                answer = _answer(line)
            except ValueError as error:
                faults.append(f"{display_path(path)}: line {number}: {error}")
                continue
            found.setdefault(answer.custom_id, set()).add(answer)
    return BatchAnswers({name: tuple(sorted(found[name], key=_order)) for name in sorted(found)}, tuple(faults))


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("requests-"))


def _portions(requests: Sequence[BatchRequest], most_requests: int, most_bytes: int) -> Iterator[list[bytes]]:
    """Yields the lines of one file after the other."""
    lines: list[bytes] = []
    size = 0
    for request in requests:
        line = request.line
        if len(line) > most_bytes:
            raise ValueError(f"the request {request.custom_id!r} has {len(line)} bytes; a file may have {most_bytes}")
        if lines and (len(lines) == most_requests or size + len(line) > most_bytes):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that are not blank, numbered from 1."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if line.strip():
                yield number, line


def _answer(line: bytes) -> BatchAnswer:
    """Parses a line; a ValueError says why it is no answer."""
    try:
        record = parsed(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        end = "" if line.endswith(b"\n") else ", and the file ends within it: download it again"
        raise ValueError(f"is not JSON{end}") from None
    try:
        found = _AnswerLine.model_validate(record)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the line"
        raise ValueError(f"is no answer of a batch ({where}: {error.errors()[0]['msg']})") from None
    name, words = str(found.id or ""), json.dumps(found.error, ensure_ascii=False)[:SHOWN]
    if found.response is not None:
        body = found.response.body
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return BatchAnswer(name, found.custom_id, found.response.status_code, text, "")
    if not found.error:
        kind = "is a request" if isinstance(record, dict) and "method" in record else "has neither response nor error"
        raise ValueError(f"{kind}, and no answer; put the files that the vendor returned here")
    return BatchAnswer(name, found.custom_id, None, "", words)


def _order(answer: BatchAnswer) -> tuple[int, str, str, str]:
    return answer.status or 0, answer.body, answer.error, answer.id
