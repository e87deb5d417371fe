"""A table with every fault that published tables have: each is named and handled as declared, and nothing shifts."""

import json
from collections import Counter

import pandas as pd
import pytest

from mirror.building import casting
from mirror.building.run import Building
from mirror.faces.description import LexiconDescriber
from mirror.files.image_file import open_picture
from mirror.prompts import Utterance, portrait_prompt
from tests import faulty_screenplays as faulty
from tests.faulty_screenplays import ANOTHER_GENDER, FAULTS, NEVER_ACCEPTED, idx_of, settings, write
from tests.marked_faces import MarkedPainter, Trusting, mark, read_mark, seeds

WHOLE = {idx_of(number) for number in (0, 28, 29, 30, 32, *range(34, 40))}  # dialogues that every build keeps
SEED = 42


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def painter(sources, monkeypatch):
    return replace_members(sources, monkeypatch)


@pytest.fixture(scope="module")
def declared(sources, tmp_path_factory):
    """The build of the pocket configuration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(tmp_path_factory.mktemp("output")))
        replace_members(sources, patch)
        yield build(sources)


def replace_members(sources, monkeypatch):
    """A painter that spoils the faces of two lines, in place of the pocket one; gender and age are really read."""
    other = sources / "portraits/138-calm.png"  # a woman; the client of that dialogue is a man
    made = MarkedPainter(other, seeds(SEED, *NEVER_ACCEPTED), seeds(SEED, *ANOTHER_GENDER))
    monkeypatch.setattr(casting, "build_painter", lambda *_: made)
    monkeypatch.setattr(casting, "build_verifier", lambda *_: Trusting())
    monkeypatch.setattr(casting, "face_pack", lambda *_: None)
    return made


def build(sources, **changes):
    building = Building(settings(sources, **changes)).open()
    building.write()
    return building


def dropped(building):
    table = pd.read_csv(building.settings.set_folder / "dropped.csv", keep_default_na=False, dtype=str)
    return table[table["step"] != "portrait"]


def found(building):
    """What the set says of each dialogue: (step, reason, what, line), once each."""
    rows = dropped(building).to_dict("records")
    assert len({row["idx"] for row in rows}) == len(rows), "a dialogue is named twice"
    line = {row["idx"]: int(row["line"]) if row["line"] else None for row in rows}
    return {row["idx"]: (row["step"], row["reason"], row["what"], line[row["idx"]]) for row in rows}


def require_unshifted(building):
    """Every record's picture, words, prompt and turn belong together: all is read back from the files of the set."""
    folder, said = building.settings.set_folder, {}
    for row in faulty.rows():
        said.setdefault(row["idx"], row["dialogue"])
    portraits = pd.read_csv(folder / "dialogues.csv", dtype=str).set_index("idx")["portrait"]
    seen, looked_at = Counter(), set()
    for cot in ("base", "planning", "ec", "ec_planning"):
        for record in json.loads((folder / f"mirror_{cot}.json").read_text()):
            idx, turn, kind = record["question_id"].split(":")
            turn = int(turn)
            lines = parsed(said[idx])
            answer, human = record["conversations"][1]["value"], record["conversations"][0]["value"]
            assert record["image"] == f"{idx}/turn-{turn - 1}_{portraits[idx]}.png"
            assert lines[turn][0] == "Therapist" and lines[turn - 1][0] == "Client"
            if kind == "response":
                assert answer == lines[turn][2]
                assert human.count(lines[turn - 1][2]) == 1 and lines[turn][2] not in human
                later = {text for _, _, text in lines[turn + 1 :]} - {text for _, _, text in lines[:turn]}
                assert not any(text in human for text in later)
            if kind == "emotion_recognition":
                assert answer == lines[turn - 1][1]
            if record["image"] not in looked_at:  # the same in every variant and of every kind
                require_picture(building, folder / "images" / record["image"], idx, turn - 1, lines[turn - 1])
                looked_at.add(record["image"])
            seen[idx, cot] += kind == "response"
    return seen


def parsed(dialogue):
    """(speaker, direction, words) of each line; two in a row of one speaker are one, as declared."""
    rows = []
    for text in dialogue.split("\n"):
        speaker, _, rest = text.partition(": ")
        direction, _, words = rest.removeprefix("[").partition("] ") if rest.startswith("[") else ("", "", rest)
        if rows and rows[-1][0] == speaker:
            before = rows.pop()
            direction, words = f"{before[1]}, {direction}", f"{before[2]} {words}"
        rows.append((speaker, direction, words))
    return rows


def require_picture(building, path, idx, line, spoken):
    screenplay = next(one for one in building.painted.kept if one.idx == idx)
    description = LexiconDescriber()._description(Utterance(spoken[1], spoken[2]))
    portrait = open_picture(screenplay.portrait.files[0])
    prompt = portrait_prompt(screenplay.portrait.gender, description.expression)
    assert read_mark(path) in {mark(seed, portrait, prompt) for seed in seeds(SEED, idx, line)}


def test_each_fault_is_named_and_its_dialogue_left_out(declared):
    assert len({row["idx"] for row in faulty.rows()}) == 40
    assert found(declared) == FAULTS
    details = dropped(declared).set_index("idx")["detail"]
    assert "gone.png" in details[idx_of(20)] and "2 faces" in details[idx_of(21)]
    assert "another_gender" in details[ANOTHER_GENDER[0]] and "no_face" in details[NEVER_ACCEPTED[0]]
    seen = require_unshifted(declared)
    assert {idx for idx, _ in seen} == WHOLE
    of = {idx: count for (idx, cot), count in seen.items() if cot == "ec"}
    assert (of[idx_of(28)], of[idx_of(29)], of[idx_of(0)]) == (4, 4, 5)


@pytest.mark.slow
def test_a_turn_without_a_face_leaves_a_gap_and_moves_nothing(sources, painter, output):
    seen = require_unshifted(building := build(sources, on_exhaustion="drop_turn"))
    expected = {idx: (step, reason, "turn" if step == "picture" else what, line)
                for idx, (step, reason, what, line) in FAULTS.items()}  # fmt: skip
    assert found(building) == expected
    assert {idx for idx, _ in seen} == WHOLE | {NEVER_ACCEPTED[0], ANOTHER_GENDER[0]}
    names = sorted(path.name for path in (building.settings.set_folder / "images" / NEVER_ACCEPTED[0]).iterdir())
    assert [name.split("_")[0] for name in names] == ["turn-0", "turn-2", "turn-6", "turn-8"]
    assert all(seen[NEVER_ACCEPTED[0], cot] == 4 for cot in ("base", "planning", "ec", "ec_planning"))


@pytest.mark.slow
def test_the_best_face_is_kept_where_that_is_declared(sources, painter, output):
    building = build(sources, on_exhaustion="keep_best", same_gender=False, age_gap=0)
    require_unshifted(building)
    left = {idx: fault for idx, fault in FAULTS.items() if fault[0] != "picture"}
    assert found(building) == left


@pytest.mark.slow
def test_what_is_switched_off_leaves_nothing_out(sources, painter, output):
    changes = {
        "on_not_found": "blank", "min_turns": 1, "max_turns": 30, "unique_words": 0.0,
        "equal_parts_of_speech": 0, "copied_words": 0, "text_safety": "none", "test_table": "",
        "portrait_age_gap": 100,
    }  # fmt: skip
    building = build(sources, **changes)
    off = {*map(idx_of, (6, 7, 13, 14, 15, 16, 17, 18, 19, 23, 25)), "60-no-resistance"}
    assert found(building) == {idx: fault for idx, fault in FAULTS.items() if idx not in off}
    assert off <= {one.idx for one in building.painted.kept}


def test_two_lines_of_one_speaker_are_a_fault_where_that_is_declared(sources, output):
    read = Building(settings(sources, on_same_speaker="drop", stop_after="texts")).read
    faults = [one for one in read.dropped if one.idx == idx_of(30)]
    assert [(one.reason, one.line) for one in faults] == [("same_speaker_twice", 5)]
    assert idx_of(30) not in {one.idx for one in read.kept}


def test_the_tables_of_the_notebook_count_each_fault_once(declared):
    texts = declared.texts()
    wanted = Counter(reason for step, reason, _, _ in FAULTS.values() if step in ("read", "text"))
    assert dict(zip(texts["reason"], texts["count"], strict=True)) == wanted | {"kept": 20}
    counted = declared.left_out()
    assert counted["count"].sum() == len(declared.dropped) == len(set(declared.dropped))
