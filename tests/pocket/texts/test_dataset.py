"""The committed pocket training set is what the code makes, and its images, captions and replies agree."""

import json

import numpy as np
import pytest
from PIL import Image

from mirror.prompts import TECHNIQUES, VARIANTS, parse_plan
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.drawing.faces import draw
from pocket.seeds import stable_seed
from pocket.texts.dataset import FOLDER, draw_exchange, image_path, make_dialogues, make_records, write_dataset

KINDS = {
    "base": {"response": 240},
    "planning": {"response": 240, "planning": 40},
    "ec": {"response": 240, "emotion_recognition": 240},
    "ec_planning": {"response": 240, "emotion_recognition": 240, "planning": 40},
}


@pytest.fixture(scope="module")
def dialogues():
    return make_dialogues()


@pytest.fixture(scope="module")
def records():
    return {cot: json.loads((FOLDER / f"mirror_{cot}.json").read_text(encoding="utf-8")) for cot in VARIANTS}


def answers(records, kind):
    return {r["question_id"]: r["conversations"][1]["value"] for r in records if r["question_id"].endswith(":" + kind)}


@pytest.mark.parametrize("cot", VARIANTS)
def test_the_committed_records_are_what_the_code_makes(cot, records, dialogues):
    assert records[cot] == make_records(dialogues, cot)


def test_writing_gives_the_committed_bytes(tmp_path):
    write_dataset(tmp_path, clients=1)
    for path in sorted((tmp_path / "images").rglob("*.png")):
        committed = FOLDER / path.relative_to(tmp_path)
        assert np.array_equal(
            np.asarray(Image.open(path).convert("RGB")), np.asarray(Image.open(committed).convert("RGB"))
        )
    again = tmp_path / "again"
    write_dataset(again, clients=1)
    for cot in VARIANTS:
        assert (again / f"mirror_{cot}.json").read_bytes() == (tmp_path / f"mirror_{cot}.json").read_bytes()


@pytest.mark.parametrize("number", range(0, 40, 7))
def test_an_image_shows_the_client_with_the_captioned_expression(number, records, dialogues):
    dialogue, turn = dialogues[number], number % 6
    committed = np.asarray(Image.open(FOLDER / "images" / image_path(dialogue, turn)).convert("RGB"), dtype=float)
    shown = expression_of(answers(records["ec"], "emotion_recognition")[f"{number}:{turn}:emotion_recognition"])
    moment = stable_seed("face", 7, dialogue.client.idx, turn)

    def distance(expression):
        return np.abs(
            np.asarray(draw(dialogue.client.identity, expression, moment, 112), dtype=float) - committed
        ).mean()

    assert np.array_equal(np.asarray(draw_exchange(dialogue, turn).convert("RGB")), committed)
    assert min(EXPRESSIONS.values(), key=distance) is shown


def test_the_images_are_small_and_every_record_has_its_own(records, dialogues):
    files = {path.relative_to(FOLDER / "images").as_posix() for path in (FOLDER / "images").rglob("*.png")}
    assert files == {image_path(d, e.turn) for d in dialogues for e in d.exchanges}
    assert sum((FOLDER / "images" / name).stat().st_size for name in files) < 2 << 20
    for name in files:
        with Image.open(FOLDER / "images" / name) as image:
            assert image.size == (112, 112)
    for cot in VARIANTS:
        for record in records[cot]:
            number, turn, _ = record["question_id"].split(":")
            assert record["image"] == image_path(dialogues[int(number)], int(turn))


@pytest.mark.parametrize("cot", VARIANTS)
def test_the_kinds_of_a_variant(cot, records):
    ids = [record["question_id"] for record in records[cot]]
    kinds = [name.split(":")[2] for name in ids]
    assert len(ids) == len(set(ids))
    assert {kind: kinds.count(kind) for kind in set(kinds)} == KINDS[cot]
    assert all(name.split(":")[1] == "1" for name, kind in zip(ids, kinds, strict=True) if kind == "planning")


def test_the_variants_differ_in_context_only(records):
    base = answers(records["base"], "response")
    for cot in ("planning", "ec", "ec_planning"):
        assert answers(records[cot], "response") == base
    assert answers(records["ec"], "emotion_recognition") == answers(records["ec_planning"], "emotion_recognition")
    assert answers(records["planning"], "planning") == answers(records["ec_planning"], "planning")


def test_the_shape_of_a_record(records):
    for record in (r for cot in VARIANTS for r in records[cot]):
        human, answer = record["conversations"]
        assert set(record) == {"question_id", "image", "conversations"}
        assert (human["from"], answer["from"]) == ("human", "gpt")
        assert human["value"].count("<image>") == 1 and "<image>" not in answer["value"]
        assert answer["value"].strip() == answer["value"] != ""


def test_context_holds_what_the_variant_says_and_no_cue(records, dialogues):
    for number, dialogue in enumerate(dialogues):
        for exchange in dialogue.exchanges:
            key = f"{number}:{exchange.turn}:response"
            prompt = {
                c: next(r for r in records[c] if r["question_id"] == key)["conversations"][0]["value"] for c in VARIANTS
            }
            for cot, variant in VARIANTS.items():
                assert (exchange.caption in prompt[cot]) == variant.ec
                assert (dialogue.plan[0] in prompt[cot]) == (variant.planning and exchange.turn > 0)
                assert ("Client:" in prompt[cot]) == (exchange.turn > 0)
                assert exchange.therapist not in prompt[cot]
                assert not any(cue in prompt[cot] for cue in EXPRESSIONS[exchange.expression].cues)


def test_plans_can_be_read_back(records, dialogues):
    plans = {key: parse_plan(answer) for key, answer in answers(records["planning"], "planning").items()}
    assert {plan.technique for plan in plans.values()} == set(TECHNIQUES)
    for number, dialogue in enumerate(dialogues):
        plan = plans[f"{number}:1:planning"]
        assert (plan.technique, plan.steps) == (dialogue.technique, dialogue.plan)
        assert 3 <= len(plan.steps) <= 4
