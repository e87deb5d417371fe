"""A run with one pocket client, one reply that fits and one that does not."""

import json

import pytest

from mirror.benchmarks.synthetic_runs import write_run

NAME, INFO, REASON = "Carmen", "Carmen, 51, a salesperson, lives alone", "My father is ill and I never rest."


@pytest.fixture
def run(output):
    folder = output / "results" / "pocket-base"
    write_run(folder, ["65"], 2, seed=1)
    session = folder / "sessions" / "65"
    fields = {"name": NAME, "personal_info": INFO, "reason": REASON}
    client = json.loads((session / "client.json").read_text()) | fields
    (session / "client.json").write_text(json.dumps(client))
    turns = [json.loads(line) for line in (session / "turns.jsonl").read_text().splitlines()]
    replies = ["You look calm. What do you believe about the care for your father?", "You look sad, Mei."]
    for turn, reply in zip(turns, replies, strict=False):
        turn.update(cue="looks calm", reply=reply, ended=False)
    (session / "turns.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns[:2]))
    return folder
