"""Runs as logs of Inspect (https://inspect.aisi.org.uk): one sample per session, ratings as its scores.

Writes the documented JSON of a log, version 2; the package `inspect-ai` is needed to look at it, not to write it.
Pictures are inside the log. A large run becomes several logs. The same run gives the same bytes again.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirror.export.messages import Part, chat_messages, session_facts
from mirror.export.scores import read_answers, sample_scores, scorer_means
from mirror.files.atomic import write_text
from mirror.files.digests import content_digest, sha256
from mirror.html_page import picture_url
from mirror.rating.ratings import RatingRecord
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder

LOGS = "inspect"  # folder of the logs, below that of the run
SIDE = 240  # pixels, of a picture
MOST = 250  # sessions in a log
VERSION = 2  # of the format
UNKNOWN = "1970-01-01T00:00:00+00:00"  # of a run that recorded no time


def write_logs(folder: Path, side: int = SIDE, most: int = MOST) -> list[Path]:
    """Writes the logs of a run into its folder `inspect/`, each atomically.

    Args:
        folder: of the run.
        side: of the pictures in pixels, at most; 0: no pictures.
        most: sessions in a log.

    Returns:
        The paths of the logs.

    Raises:
        ArmError: the folder holds no counseling run.
        TranscriptError, JsonLinesError: a transcript or the ratings are damaged.
    """
    arm, answers = Arm.read(folder), read_answers(folder)
    paths = []
    for start in range(0, len(arm.sessions), most):
        log = inspect_log(arm, arm.sessions[start : start + most], answers, side)
        path = folder / LOGS / log_name(log)
        write_text(path, json.dumps(log, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
        paths.append(path)
    return paths


def log_name(log: Mapping[str, Any]) -> str:
    """The file name by which Inspect finds a log: its time, its task, its id."""
    task = re.sub(r"[^A-Za-z0-9.]+", "-", log["eval"]["task"])
    return f"{re.sub(':', '-', log['eval']['created'])}_{task}_{log['eval']['task_id']}.json"


def inspect_log(
    arm: Arm, sessions: Sequence[SessionFolder], answers: Mapping[str, Sequence[RatingRecord]], side: int
) -> dict[str, Any]:
    """Returns the log of some sessions of a run.

    Args:
        arm: the run.
        sessions: of the run, at least one.
        answers: the ratings by client, as `read_answers` returns them.
        side: of the pictures in pixels; 0: none.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    samples = [_sample(arm, session, answers.get(session.folder.name, ()), side) for session in sessions]
    names = [sample["id"] for sample in samples]
    own = content_digest({"run": arm.folder.name, "settings": arm.settings, "sessions": names})[:22]
    created = str(arm.provenance.get("started", UNKNOWN))
    is_complete = all(sample["metadata"]["status"] == "complete" for sample in samples)
    return {
        "version": VERSION,
        "status": "success" if is_complete else "cancelled",
        "eval": {
            "eval_id": own,
            "run_id": own,
            "task_id": own,
            "created": created,
            "task": arm.folder.name,
            "task_version": 0,
            "dataset": {"name": str(arm.settings.get("table", "")), "samples": len(names), "sample_ids": names},
            "model": arm.counselor,
            "config": {},
            "packages": {str(name): str(of) for name, of in arm.provenance.get("versions", {}).items()},
            "metadata": {"settings": arm.settings, "code": arm.provenance.get("code")},
        },
        "plan": {"name": "counseling", "steps": []},
        "results": {
            "total_samples": len(samples),
            "completed_samples": sum(sample["metadata"]["status"] == "complete" for sample in samples),
            "scores": scorer_means([sample["scores"] for sample in samples]),
        },
        "stats": {"started_at": created, "completed_at": str(arm.provenance.get("updated", created))},
        "samples": samples,
    }


def _sample(arm: Arm, session: SessionFolder, answers: Sequence[RatingRecord], side: int) -> dict[str, Any]:
    turns, person = session.turns(), arm.person(session.folder.name)
    messages = chat_messages(arm, session, turns, lambda session, file: _inside(session, file, side))
    facts, path = session_facts(arm, session, turns), session.folder / "turns.jsonl"
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    usage = {
        f"{name}_tokens": sum(turn.tokens.get(f"counselor_{key}", 0) for turn in turns)
        for name, key in (("input", "prompt"), ("output", "completion"))
    }
    failed = {"message": facts["reason"], "traceback": "", "traceback_ansi": ""}
    return {
        "id": session.folder.name,
        "epoch": 1,
        "input": "\n".join(filter(None, (person.personal_info, person.reason))) or f"client {session.folder.name}",
        "target": "",
        "messages": _without_pictures(messages) if not side else messages,
        "output": {"model": arm.counselor, "choices": [{"message": last, "stop_reason": "stop"}] if last else []},
        "scores": sample_scores(answers),
        "metadata": facts | {"turns_sha256": sha256(path) if path.is_file() else ""},
        "model_usage": {arm.counselor: usage | {"total_tokens": sum(usage.values())}},
        **({"error": failed} if facts["status"] == "failed" else {}),
    }


def _inside(session: SessionFolder, file: str, side: int) -> Part:
    """A picture inside the log."""
    return {"type": "image", "image": picture_url(session.folder / file, side) if side else ""}


def _without_pictures(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message | {"content": _text(message["content"])} for message in messages]


def _text(content: str | list[Part]) -> str:
    return content if isinstance(content, str) else " ".join(_texts(content)) or "(face)"


def _texts(content: Sequence[Part]) -> Iterator[str]:
    return (str(part["text"]) for part in content if part["type"] == "text")
