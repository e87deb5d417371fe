"""A set in the published form goes through training and counseling as it is, and its prompts are met again there."""

import json
from itertools import product

import pytest

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import LlavaSpeaker
from mirror.models.checkpoint import read_manifest, read_prompts
from mirror.prompts import VARIANTS, own_template, parse_dialogue, parse_plan
from mirror.training.prompt_induction import induce
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from tests import ROOT
from tests.published_form import FOREIGN, FORMS, NOT_FOUND, Form, records, write_set
from tests.tiny_llava import BASE

DIALOGUES = 24


def asked(rows):
    """(kind, human prompt) of each record."""
    return [(row["question_id"].rsplit(":", 1)[1], row["conversations"][0]["value"]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("cot", VARIANTS)
@pytest.mark.parametrize("missing", [True, False])
def test_one_template_reproduces_every_reply_of_any_form(cot, missing):
    for below, bullets, many_lines in product(product((False, True), repeat=2), (True, False), (True, False)):
        form = Form(*below, bullets, many_lines, missing)
        prompts = induce(asked(records(cot, DIALOGUES, form)))
        assert set(prompts.share.values()) == {1.0}, form
        (counted,) = prompts.templates["response"]
        assert set(counted.template.fields) == set(own_template("response", cot).fields), form


@pytest.mark.parametrize("cot", ["planning", "ec_planning"])
def test_what_a_counselor_fills_in_reads_as_what_was_trained_on(cot):
    """Dialogue, plan and technique are read from each prompt as a counselor knows them, and written again."""
    found = [prompt for kind, prompt in asked(records(cot, DIALOGUES, FORMS[cot])) if kind == "response"]
    prompts = induce(("response", prompt) for prompt in found)
    template = prompts.templates["response"][0].template
    plans = 0
    for prompt in found:
        values = template.parse(prompt)
        dialogue = prompts.forms.dialogue.write(parse_dialogue(values["dialogue"]))
        if NOT_FOUND not in (values["plan"], values["technique"]):
            plan = parse_plan(f"CBT technique: {values['technique']}\nCounseling plan:\n{values['plan']}")
            values |= {"technique": plan.technique, "plan": prompts.forms.plan_text(plan)}
            plans += 1
        assert prompts.render("response", **values | {"dialogue": dialogue}) == prompt
    assert plans > len(found) / 2


@pytest.mark.slow
@pytest.mark.parametrize("cot", ["base", "ec_planning"])  # between them, every kind of record and prompt
def test_a_set_is_trained_on_and_counseled_with_as_it_is(cot, tmp_path, output, monkeypatch):
    file, pictures = write_set(tmp_path, cot, DIALOGUES)
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert all(row["image"].startswith(f"{FOREIGN}/cactus-") for row in rows)
    changes = {"base_model": str(BASE), "data": str(file), "image_folder": str(pictures), "epochs": 1, "batch_size": 16}
    training = Training.open(TrainSettings.from_file(ROOT / f"params/train/pocket-{cot}.yaml", **changes))
    assert len(training.data.records) == len(rows) and not training.data.faults and not training.data.derived
    assert set(training.prompts.share.values()) == {1.0}
    training.fit()
    assert read_manifest(training.checkpoint).prompts.get("planning", "own") == "own"

    said = []
    real = LlavaSpeaker.answer
    monkeypatch.setattr(LlavaSpeaker, "answer", lambda self, p, *a, **k: said.extend(p) or real(self, p, *a, **k))
    small = {"sessions": 2, "max_turns": 2, "attempts": 1, "steps": 1, "max_new_tokens": 8}
    checkpoint = {"base_model": str(BASE), "checkpoint": str(training.checkpoint)}
    file = ROOT / f"params/counsel/pocket-{cot}.yaml"
    counseling = Counseling(CounselSettings.from_file(file, **small | checkpoint))
    untrained = counseling.cast.counselor.untrained
    assert set(untrained) == ({"planning"} if "planning" in cot else set())
    assert counseling.cast.counselor.speaker.adapter and not any(one.adapter for one in untrained.values())
    assert set(counseling.counsel().status) == {"complete"}
    prompts = read_prompts(training.checkpoint)
    profiles = {profile.personal_info for profile in counseling.profiles}
    kinds = {kind: [c.template for c in counted] for kind, counted in prompts.templates.items()}
    met = [next(k for k, templates in kinds.items() if any(t.parse(p) is not None for t in templates)) for p in said]
    assert set(met) == set(kinds) and met.count("response") == 4
    for kind, prompt in zip(met, said, strict=True):
        if kind == "emotion_recognition":
            assert (kind, prompt) in asked(rows)
        else:
            assert kinds[kind][0].parse(prompt)["personal_information"] in profiles
