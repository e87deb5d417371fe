"""Synthetic counseling runs: files as of real runs, with random contents and known effects.

Cues and lines are the scripted client's; some replies name a feeling. For the tests and the benchmark of the analysis.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from PIL import Image, ImageDraw

from mirror.clients.lexicon import read_feelings
from mirror.clients.script import load_script
from mirror.files.atomic import write_bytes, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import digest, with_own_digest
from mirror.files.json_file import write_json
from mirror.paths import input_path
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, Turn
from mirror.transcripts.verdict import Check, Verdict

RESISTANT = ("skeptical", "withdrawn", "irritated", "guarded")
OTHER = ("sad", "anxious", "relieved", "attentive", "tired", "tearful", "surprised", "calm")
KINDS = ("emotional", "cognitive", "behavioral", "none")
NAMING = "It sounds as if you feel {feeling} about this. What would help right now?"
REPLIES = (
    "Let us look at what speaks for this thought, and what speaks against it.",
    "What would you say to a friend who thinks so?",
    "You should try to write down three things that went well today.",
    "Tell me more about what happened then. What went through your mind?",
    "I see. Let us go on with the next step of our plan.",
)


def write_run(
    folder: Path,
    clients: Sequence[str],
    turns: int,
    seed: int,
    cot: str = "base",
    naming: float = 0.3,
    resistance: tuple[float, float] = (0.7, 0.5),
    accepted: float = 0.7,
    pictures: int = 0,
) -> None:
    """Write a counseling run with synthetic sessions.

    Args:
        folder: of the run.
        clients: one session each.
        turns: per session.
        seed: of everything.
        cot: the variant in the settings; it decides whether turns have captions and plans.
        naming: share of replies that name the feeling that shows.
        resistance: share of resistant cues in the first and in the last turn; linear in between.
        accepted: share of attempts that the filter accepts.
        pictures: side of the faces in pixels; 0 draws none.
    """
    settings: dict[str, str | int] = {
        "counselor": "llava",
        "size": "pocket",
        "cot": cot,
        "checkpoint": "invented",
        "client": "openai",
    }
    settings |= {"table": "invented.csv", "max_turns": turns, "sessions": len(clients), "seed": seed}
    write_text(folder / "settings.yaml", yaml.safe_dump(settings, sort_keys=False))
    write_json(folder / "provenance.json", {"status": "complete", "sessions": len(clients), "failed": 0})
    for idx in clients:
        chance = random.Random(seed_for(seed, cot, idx))
        session = SessionFolder(folder / "sessions" / idx)
        write_json(
            session.folder / "client.json", {"idx": idx, "resistance": KINDS[seed_for(idx) % 4], "reason": "Invented."}
        )
        made = [invent_turn(chance, number, turns, cot, naming, resistance, accepted) for number in range(1, turns + 1)]
        lines = "".join(turn.model_dump_json() + "\n" for turn in made)
        write_bytes(session.folder / "turns.jsonl", lines.encode())
        for turn in made if pictures else ():
            for file in turn.face.files if turn.face else ():
                draw_face(session.folder / file, turn.cue, idx, pictures)
        session.end("complete", f"{turns} turns")


def invent_turn(
    chance: random.Random,
    number: int,
    turns: int,
    cot: str,
    naming: float,
    resistance: tuple[float, float],
    accepted: float,
) -> Turn:
    """A random turn; the arguments are those of `write_run`, with the random generator and the turn's number."""
    first, last = resistance
    share = first + (last - first) * (number - 1) / max(turns - 1, 1)
    feeling = chance.choice(RESISTANT if chance.random() < share else OTHER)
    reply = NAMING.format(feeling=feeling) if chance.random() < naming else chance.choice(REPLIES)
    reply += f" {chance.choice(lines())}" if chance.random() < 0.7 else ""
    cue, words = chance.choice(cues()[feeling]), chance.choice(lines()) if number > 1 else ""
    caption = f"Looks {feeling if chance.random() < 0.7 else chance.choice(OTHER)}" if cot.startswith("ec") else ""
    return Turn(
        number=number,
        cue=cue,
        words=words,
        client_raw=f"Client: [{cue}] {words}",
        description={"expression": f"{feeling} look", "contrast": "calm look", "response": "", "model": "invented"},
        face=invent_face(chance, number, accepted),
        caption=caption,
        technique="Alternative Perspective" if cot.endswith("planning") and number > 1 else "",
        plan=("Name the thought.", "Look at it from outside.") if cot.endswith("planning") and number > 1 else (),
        reply=reply,
        counselor_raw={"response": reply},
        tokens={"client_prompt": 400, "client_completion": 30, "counselor_prompt": 900, "counselor_completion": 25},
    )


def invent_face(chance: random.Random, number: int, accepted: float) -> FaceRecord:
    """The record of a face with up to ten attempts, each accepted with probability `accepted`."""
    attempts: list[AttemptRecord] = []
    while len(attempts) < 10 and not (attempts and attempts[-1].verdict.accepted):
        is_fine = chance.random() < accepted
        identity = chance.gauss(0.72, 0.04) if is_fine else chance.gauss(0.5, 0.05)
        checks = (
            Check(name="safe", passed=True, score=abs(chance.gauss(0.02, 0.01)), threshold=0.5, model="invented"),
            Check(name="relevant", passed=True, score=chance.gauss(0.27, 0.02), threshold=0.2, model="invented"),
            Check(name="same_person", passed=is_fine, score=identity, threshold=0.62, model="invented"),
        )
        verdict = Verdict(outcome="accepted" if is_fine else "another_person", checks=checks)
        attempt, file = len(attempts) + 1, f"faces/{number:02}-{len(attempts) + 1}.png"
        attempts.append(AttemptRecord(number=attempt, seed=chance.getrandbits(62), verdict=verdict, file=file))
    return FaceRecord(
        file=f"faces/{number:02}.png",
        attempts=tuple(attempts),
        chosen=len(attempts),
        exhausted=not attempts[-1].verdict.accepted,
    )


def draw_face(path: Path, cue: str, idx: str, side: int) -> None:
    """Draw and save a simple face: colors by client, mouth by cue.

    Args:
        path: of the image.
        cue: of the turn.
        idx: of the client.
        side: in pixels.
    """
    chance = random.Random(f"{idx}")
    image = Image.new("RGB", (side, side), tuple(chance.randrange(120, 210) for _ in range(3)))
    draw, skin = ImageDraw.Draw(image), tuple(chance.randrange(*span) for span in ((150, 235), (110, 190), (90, 160)))
    draw.ellipse([side * 0.2, side * 0.12, side * 0.8, side * 0.9], fill=skin)
    for x in (0.37, 0.63):
        draw.ellipse([side * (x - 0.04), side * 0.4, side * (x + 0.04), side * 0.48], fill="#222222")
    bend = random.Random(cue).uniform(-0.12, 0.12)
    box = [side * 0.36, side * (0.66 - abs(bend)), side * 0.64, side * (0.66 + abs(bend) + 0.02)]
    draw.arc(box, *((0, 180) if bend > 0 else (180, 360)), fill="#802020", width=max(2, side // 40))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def cues() -> dict[str, list[str]]:
    """Feeling → cues of the scripted client."""
    return load_script()["cues"]


@cache
def lines() -> list[str]:
    """Lines of the scripted client without placeholders and without words for feelings."""
    by_stage = [stage for kind in load_script()["lines"].values() for stage in kind.values()]
    found = [line for stage in by_stage for of in stage.values() for line in of]
    return [line for line in found if "{" not in line and not read_feelings(line)]


# Large runs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionText:
    """One synthetic session without its client: the contents of its files, and their digests.

    Attributes:
        turns: their number.
        files: content by path relative to the session's folder.
        digests: of the turns and the faces, as `end.json` holds them.
    """

    turns: int
    files: Mapping[str, bytes]
    digests: Mapping[str, Any]

    @classmethod
    def invented(cls, folder: Path, seed: int, turns: int, side: int) -> "SessionText":
        """Invents a session.

        Args:
            folder: a scratch folder.
            seed: of everything.
            turns: their number.
            side: of the faces in pixels; 0: none are drawn.
        """
        idx = str(seed)
        write_run(folder, [idx], turns, seed, pictures=side)
        session = SessionFolder(folder / "sessions" / idx)
        names = ["turns.jsonl", *sorted(f"faces/{path.name}" for path in session.folder.glob("faces/*"))]
        seconds = [{"turn": number, "seconds": {"face": 1.6, "counselor": 0.5}} for number in range(1, turns + 1)]
        files = {name: (session.folder / name).read_bytes() for name in names}
        timings = "".join(json.dumps(one) + "\n" for one in seconds).encode()
        return cls(turns, files | {"timings.jsonl": timings}, {name: digest(session.folder / name) for name in names})

    def write(self, folder: Path, profile: Profile, pictures: bool = True) -> None:
        """Writes the session of a client, complete, without waiting for the disk.

        Args:
            folder: of the session.
            profile: the client.
            pictures: whether the faces are written, too.
        """
        SessionFolder(folder).begin(profile)
        if pictures:
            (folder / "faces").mkdir()
        for name, content in self.files.items():
            if pictures or "/" not in name:
                (folder / name).write_bytes(content)
        digests = {"client.json": digest(folder / "client.json"), **self.digests}
        ending = {"status": "complete", "reason": f"{self.turns} turns", "turns": self.turns, "files": digests}
        (folder / "end.json").write_text(json.dumps(with_own_digest(ending), indent=1), encoding="utf-8")


def write_table(path: Path, clients: int) -> None:
    """Writes a table of clients by repeating those of the pocket table under new numbers."""
    known = pd.read_csv(input_path("pocket/data/test.csv"), dtype=str)
    rows = known.iloc[[number % len(known) for number in range(clients)]]
    write_text(path, csv_text(rows.assign(idx=[str(number) for number in range(1, clients + 1)])))
