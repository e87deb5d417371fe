"""Counseling runs for a judge, written without models: transcripts whose words say which turn they are.

    python -m tests.rated_runs --instrument my/pacing.yaml --run results/pocket-base

serves a judge on the loopback interface, until Enter, and prints the command that has it rate.
"""

import argparse
import json
import re

import yaml
from PIL import Image

from mirror.files.atomic import write_text
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, Turn
from mirror.transcripts.verdict import Verdict
from tests.openai_server import OpenAIServer, Request, Text

SECRET = "mirror-ec_planning"  # as an arm's name: the judge must not see it


def write_run(
    output, name=SECRET, clients=("60", "61"), turns=2, replies="I hear that you are sad.", faces=False, **end
):
    """A complete run below `output`; `end` may give another `status` for the last client's session."""
    folder = output / "results" / name
    settings = {
        "cot": "ec_planning",
        "counselor": "llava",
        "size": "7b",
        "checkpoint": f"checkpoints/{name}",
        "table": "",
    }
    write_text(folder / "settings.yaml", yaml.safe_dump(settings))
    for idx in clients:
        session = SessionFolder(folder / "sessions" / idx)
        for number in range(1, turns + 1):
            session.append(*turn(idx, number, replies, faces), {})
        session.end(end.get("status", "complete") if idx == clients[-1] else "complete", "as the test asked")
    return folder


def turn(idx, number, reply, faces):
    """A turn, and its pictures."""
    file = f"faces/{number:02}.png"
    image = Image.new("RGB", (8, 8), (number, 0, 0))
    attempt = AttemptRecord(number=1, seed=1, verdict=Verdict(outcome="accepted", checks=()), file=file)
    face = FaceRecord(file=file, attempts=(attempt,), chosen=1, exhausted=False) if faces else None
    words = "" if number == 1 else f"Client {idx} says {number}: I am sad."
    record = {"plan": ("secret plan",), "caption": "secret caption"}
    values = {"cue": "looks down", "words": words, "client_raw": words, "reply": f"{reply} ({idx}, {number})"}
    return Turn(number=number, **values, face=face, **record), ({file: image} if faces else {})


def rate(request: Request, value: int = 2, preferred: str = "first") -> Text:
    """A right answer to a question: each item at `value`, or one session `preferred`, by the names in the prompt."""
    items = re.findall(r'^- "([\w-]+)": (?:a whole number|"first")', request.words, re.MULTILINE)
    return Text(
        json.dumps(
            {"reason": "because", **dict.fromkeys(items, preferred if "first session" in request.words else value)}
        )
    )


def command(url: str, instrument: str, run: str) -> str:
    """The command that has the judge rate a run."""
    return (
        f"mirror rate -p runs {run} -p instruments {instrument} -p judge openai -p judge_model rehearsal "
        f"-p judge_url {url}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rated_runs", description="A judge that rates every item 2.")
    parser.add_argument("--port", type=int, default=8765, help="of the loopback interface (8765)")
    parser.add_argument("--instrument", default="helpfulness")
    parser.add_argument("--run", default="results/RUN", help="the run to rate")
    given = parser.parse_args()
    with OpenAIServer(default=rate, port=given.port, models=("rehearsal",)) as server:
        print(command(server.url, given.instrument, given.run), flush=True)
        input("Enter ends the judge.")


if __name__ == "__main__":
    main()
