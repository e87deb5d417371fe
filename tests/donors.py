"""A run whose faces can be shown in place of others, written without models."""

from dataclasses import replace

import yaml
from PIL import Image

from mirror.transcripts.session_folder import SessionFolder
from tests.sessions import CLIENT, full_turn, last_turn


def write_donors(run):
    """Clients 1 to 4 with three faces each, whose gray is 10 · client + turn; client 4 failed."""
    for idx in "1234":
        session = SessionFolder(run / "sessions" / idx)
        session.begin(replace(CLIENT, idx=idx))
        for number in (1, 2, 3):
            turn = full_turn(number)
            gray = (10 * int(idx) + number,) * 3
            session.append(turn, {file: Image.new("RGB", (8, 8), gray) for file in turn.files}, {})
        session.append(last_turn(4), {}, {})
        session.end("failed" if idx == "4" else "complete", "")
    write_settings(run)
    return run


def write_settings(run, **changes):
    settings = {"cot": "base", "counselor": "llava", "size": "pocket"} | changes
    (run / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
