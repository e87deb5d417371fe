"""Dropping a dialogue at its first rejected face against painting it again, counted by hand."""

from mirror.building.pictures import ablation
from mirror.building.pictures.ablation import ablation_of
from mirror.building.pictures.journal import PaintedRecord, PictureRecord
from mirror.transcripts.verdict import Verdict
from tests.painted_dialogues import Verifier, pictures, screenplay


def record(line, outcomes):
    attempts = [
        PaintedRecord(number=n, seed=n, verdict=Verdict(outcome="accepted" if letter == "a" else "irrelevant"))
        for n, letter in enumerate(outcomes, 1)
    ]
    texts = {"digest": "", "portrait": "", "prompt": "", "negative_prompt": "", "statement": ""}
    return PictureRecord(line=line, portrait_sha256=(), attempts=tuple(attempts), **texts)


def test_counts_by_hand():
    dialogues = [
        [record(2, "a"), record(0, "a")],
        [record(0, "a"), record(2, "ra"), record(4, "a")],
        [record(0, "rrr"), record(2, "a")],
        [],
    ]
    table = ablation_of(dialogues)
    assert table[["attempts", "dialogues", "survive", "painted"]].to_numpy().tolist() == [
        [1, 3, 1, 2 + 2 + 1],
        [2, 3, 2, 2 + 4 + 2],
        [3, 3, 2, 2 + 4 + 3],
    ]
    assert table["share"].tolist() == [1 / 3, 2 / 3, 2 / 3]


def test_every_policy_tells_the_same(tmp_path):
    plays = [screenplay(number, tmp_path / "portraits") for number in range(6)]
    tables = []
    for policy in ("drop_dialogue", "drop_turn", "keep_best"):
        made = pictures(tmp_path / policy, on_exhaustion=policy, verifier=Verifier(accepted=7)).make(plays)
        tables.append(ablation(tmp_path / policy))
        if policy == "drop_dialogue":
            assert tables[0]["survive"].iloc[-1] == len(made.kept)
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2])
    assert tables[0]["survive"].is_monotonic_increasing and tables[0]["survive"].iloc[0] < len(plays)


def test_no_pictures_is_an_empty_table(tmp_path):
    assert ablation(tmp_path).empty
