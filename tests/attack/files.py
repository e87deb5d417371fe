"""The files of a run as they are compared: byte for byte, but for times, addresses and the order of answers."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.digests import DIGESTS

# Times, the state of the sources, and a digest of settings that name the case's folder (the check compares it).
TIMES = ("started", "updated", "code", "settings_sha256")
NOT_COMPARED = ("timings.jsonl",)
ANSWERS = ("ratings.jsonl", "preferences.jsonl")


@dataclass(frozen=True)
class Snapshot:
    """Files by name: `raw` as they are, `compared` without what may differ."""

    raw: dict[str, bytes]
    compared: dict[str, Any]

    def __len__(self) -> int:
        return len(self.raw)

    def differing(self, other: "Snapshot") -> list[str]:
        names = sorted(self.compared.keys() | other.compared.keys())
        return [name for name in names if self.compared.get(name) != other.compared.get(name)]


def contents(case: Path) -> dict[str, bytes]:
    """All files that are not hidden, by their name below the case's output."""
    output = case / "output"
    found = {str(path.relative_to(output)): path for path in sorted(output.rglob("*")) if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def snapshot(case: Path, before: frozenset[str]) -> Snapshot:
    """The files that the command has written; those of `before` were there."""
    raw = {name: data for name, data in contents(case).items() if name not in before}
    return Snapshot(raw, {name: compared(name, data) for name, data in raw.items() if is_compared(name)})


def is_compared(name: str) -> bool:
    return Path(name).name not in NOT_COMPARED


def compared(name: str, data: bytes) -> Any:
    data = re.sub(rb"127\.0\.0\.1:\d+", b"ADDRESS", re.sub(rb"/place-\d+/", b"/place/", data))
    if name.endswith(".pdf"):
        return re.sub(rb"/CreationDate \([^)]*\)", b"", data)
    if Path(name).name == DIGESTS:
        # These name the case's folder; whether they are as they were written is asked of the check.
        return {file: digest for file, digest in json.loads(data).items() if file not in ("manifest.json", "README.md")}
    if Path(name).name == "provenance.json":
        return without_times(json.loads(data))
    if Path(name).name in ANSWERS:
        return last_answers(data)
    return data


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name not in TIMES}
    return value


def last_answers(data: bytes) -> list[str]:
    """The answer that counts for each question, in order of the questions."""
    lines = [json.loads(line) for line in data.splitlines()]
    last = {(line["idx"], line.get("first"), line.get("second"), line["asked"]): line for line in lines}
    return sorted(json.dumps(line | {"attempts": 0}, sort_keys=True) for line in last.values())
