"""A poorer variant's set from a richer one's: to the letter what a set of that variant in the same wording holds."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from mirror.prompts import VARIANTS, PromptTemplate
from mirror.training.prompt_induction import induce
from mirror.training.records import Record, read_records
from mirror.training.records.derivation import NotDerivable, check_fields, derive, without
from mirror.training.records.faults import DataError
from tests import ROOT
from tests.published_form import FORMS, Form, records

RICHER = [(a, b) for a, b in product(VARIANTS, VARIANTS) if set(b.split("_")) - {"base"} <= set(a.split("_"))]


def published(cot, form, dialogues=15, seed=0):
    """The records of a set in the published form, without its pictures."""
    return [
        Record(row["question_id"], *row["question_id"].rsplit(":", 2), Path(row["image"]), (talk(row),), number)
        for number, row in enumerate(records(cot, dialogues, form, seed))
    ]


def talk(row):
    human, answer = row["conversations"]
    return human["value"], answer["value"]


def contents(found):
    return [(record.id, record.image, record.turns) for record in found]


@pytest.fixture(scope="module")
def pocket():
    images = ROOT / "pocket/data/images"
    return {cot: read_records(ROOT / f"pocket/data/mirror_{cot}.json", images)[0] for cot in VARIANTS}


@pytest.mark.parametrize(("richer", "cot"), RICHER)
def test_the_pocket_sets_derive_from_each_other(pocket, richer, cot):
    derivation = derive(pocket[richer], cot)
    assert contents(derivation.records) == contents(pocket[cot]) and not derivation.faults
    assert bool(derivation.changes) == (richer != cot)


@pytest.mark.parametrize("technique_below", [False, True])
@pytest.mark.parametrize("plan_below", [False, True])
@pytest.mark.parametrize(("bullets", "many_lines"), [(True, False), (False, True)])
def test_a_published_form_derives_to_the_letter(technique_below, plan_below, bullets, many_lines):
    form = Form(technique_below, plan_below, bullets, many_lines)
    sets = {cot: published(cot, form) for cot in VARIANTS}
    for richer, cot in RICHER:
        derivation = derive(sets[richer], cot)
        assert contents(derivation.records) == contents(sets[cot]), (richer, cot)
        assert not derivation.faults


def test_data_of_the_variant_stay_as_they_are_and_what_is_taken_out_is_said(caplog):
    captions = published("ec_planning", FORMS["ec_planning"])
    same = derive(captions, "ec_planning")
    assert all(a is b for a, b in zip(same.records, captions, strict=True))
    assert same.changes == () and not caplog.text
    replies = len(captions) // 2
    assert derive(captions, "planning").changes == (
        f"{replies} records of kind emotion_recognition are left out",
        f"client_emotional_state is taken out of {replies} prompts of kind response",
    )
    assert "the data are of a richer variant than planning" in caplog.text


def test_a_prompt_that_no_template_reads_is_a_fault_of_its_record():
    found = published("ec_planning", FORMS["ec_planning"])
    (human, answer), broken = found[7].turns[0], 7
    assert found[broken].kind == "response"
    found[broken] = replace(found[broken], turns=((human.replace("- CBT technique:", "CBT-technique"), answer),))
    derivation = derive(found, "ec")
    assert [fault.record for fault in derivation.faults] == [found[broken].name]
    assert "plan, technique cannot be removed" in derivation.faults[0].problem
    assert found[broken].id not in [record.id for record in derivation.records]
    assert len(derivation.records) == len(found) - 1


WORDINGS = {
    "on its line": "Hi.\n- CBT Technique: {technique}\n- Why: {why}\nGo.",
    "below its label": "Hi.\n\n**CBT technique:**\n\n{technique}\n- Why: {why}\nGo.",
    "with blank lines": "Hi.\n\n- CBT technique: {technique}\n- Why: {why}\nGo.",
    "without a label": "Hi.\n{technique}\n- Why: {why}\nGo.",
    "Windows": "Hi.\r\n- CBT Technique:\r\n{technique}\r\n- Why: {why}\r\nGo.",
}


@pytest.mark.parametrize("wording", WORDINGS)
def test_a_field_goes_with_its_label_and_the_blank_lines_before_it(wording):
    text = without(PromptTemplate("response", WORDINGS[wording]), ["technique"]).text
    assert text.replace("\r", "") == "Hi.\n- Why: {why}\nGo."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Use {technique} now.\n{why}\nGo.", "is part of a sentence"),
        ("You chose {technique}\n{why}\nGo.", "is part of a sentence"),
        ("- CBT technique: Pie Chart\n- Why: {why}\nGo.", "the same in all these records"),
    ],
)
def test_a_field_that_is_no_line_of_its_own_is_refused(text, problem):
    with pytest.raises(NotDerivable, match=problem):
        without(PromptTemplate("response", text), ["technique", "plan"])


def test_data_that_lack_a_field_of_the_variant_are_refused_with_what_they_can_train():
    def prompts(cot):
        return induce((record.kind, record.turns[0][0]) for record in published(cot, FORMS[cot]))

    for cot in VARIANTS:
        check_fields(prompts(cot), cot, Path("set.json"))
    with pytest.raises(
        DataError, match="cot planning needs plan and technique.*fields found: dialogue, personal"
    ) as error:
        check_fields(prompts("base"), "planning", Path("set.json"))
    assert "-p cot base" in str(error.value) and "ec" not in str(error.value).rsplit("-p cot", 1)[1]
    with pytest.raises(DataError, match="cot ec_planning needs client_emotional_state in"):
        check_fields(prompts("planning"), "ec_planning", Path("set.json"))


def test_a_field_that_never_varies_is_there():
    prompt = "<image>\n- Personal Information: Ana\n- CBT technique: Pie Chart\n- Counseling planning:\n1. Ask.\nGo."
    check_fields(induce([("response", prompt)]), "planning", Path("set.json"))
