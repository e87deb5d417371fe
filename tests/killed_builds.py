"""Builds that are killed at chosen writes: `python -m tests.killed_builds <settings.yaml>`.

Reads `<output folder> <n>` line by line, and builds in a fork of itself for each, which is killed at its n-th write (0:
never); says how it ended: the number of writes, or -9. Everything is imported once, so that a start takes no time.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from mirror.building import casting
from mirror.building.run import Building
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.building.settings import BuildSettings
from mirror.prompts import FacialExpression, format_expression
from tests.faulty_screenplays import ANSWERED, CUES, PLAN, SAID
from tests.openai_server import Request, Text
from tests.painted_dialogues import Painter, Verifier, kill_at_write

WRITTEN_FOR = "Write the complete script"  # how the writer's prompt begins
PLACES = ("orchard", "choir", "bakery", "ferry")
TABLE = "idx,personal_info,distorted_thought,reason_for_seeking_counseling,cbt_technique,cbt_plan,dominant_gender,age\n"


def profiles(path: Path, number: int = 3) -> Path:
    """A table of clients."""
    rows = [
        f'{place},"Works near the {place}",I am the weak part.,I lose sleep.,Pie Chart Technique,'
        f'"{PLAN.format(place)}",Woman,{(40, 33, 60, 27)[at]}\n'
        for at, place in enumerate(PLACES[:number])
    ]
    path.write_text(TABLE + "".join(rows))
    return path


def answer(request: Request) -> Text:
    """What writes the sessions and describes the faces: each answer depends on the question alone."""
    if not request.words.startswith(WRITTEN_FOR):
        shown = FacialExpression(f"a face of {request.body['seed'] % 997}", "a broad smile")
        return Text(format_expression(shown))
    place = next(place for place in PLACES if f"near the {place}" in request.words)
    lines = []
    for cue, said, answered in zip(CUES, SAID, ANSWERED, strict=True):
        lines += [f"Client: [{cue}] {said.format(place)}", f"Therapist: {answered.format(place)}"]
    return Text("\n".join(lines))


def build(settings: BuildSettings) -> Building:
    """A whole build, with members that paint and verify at once."""
    casting.build_painter = lambda *_: Painter()
    casting.build_verifier = lambda *_: Verifier(accepted=12)
    casting.face_pack = lambda *_: None
    building = Building(settings).open()
    building.texts(), building.portraits(), building.pictures(), building.write()
    return building


def counted_writes() -> Iterator[int]:
    """Counts the times that this process syncs a file."""
    sync, count = os.fsync, itertools.count()
    os.fsync = lambda file: (next(count), sync(file))
    return count


def main() -> None:
    settings = BuildSettings.model_validate(yaml.safe_load(Path(sys.argv[1]).read_text()))
    load_tagger(settings.parts_of_speech)
    print("ready", flush=True)
    for line in sys.stdin:
        output, place = line.split()
        if not (child := os.fork()):
            os.environ["MIRROR_OUTPUT"] = output
            count = counted_writes()
            if int(place):
                kill_at_write(int(place))
            build(settings)
            print(next(count), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else f"failed {status}", flush=True)


if __name__ == "__main__":
    main()
