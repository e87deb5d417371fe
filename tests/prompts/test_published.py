"""Prompts in the published form: found in the records, and written again as the model was trained on them."""

import json

import pytest

from mirror.prompts import (
    TECHNIQUES,
    VARIANTS,
    Plan,
    PlanForm,
    PromptSet,
    canonical_technique,
    completed,
    format_dialogue,
    lacking,
    own_prompts,
    own_template,
    parse_dialogue,
    parse_plan,
)
from mirror.prompts.plan import read_steps
from mirror.training.prompt_induction import induce
from tests.published_prompts import TECHNIQUES as NAMES
from tests.published_prompts import numbered, records

FORMS = {
    "numbers": numbered,
    "brackets": lambda steps: "\n".join(f"{n}) {step}" for n, step in enumerate(steps, 1)),
    "words": lambda steps: "\n".join(f"Step {n}: {step}" for n, step in enumerate(steps, 1)),
    "bold": lambda steps: "\n".join(f"**{n}.** {step}" for n, step in enumerate(steps, 1)),
    "blank lines": lambda steps: "\n\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1)),
    "several lines": lambda steps: "\n".join(f"{n}. {s}\n   Take time.\n   - And ask." for n, s in enumerate(steps, 1)),
    "bullets": lambda steps: "\n".join(f"- {step}" for step in steps),
    "a sentence first": lambda steps: f"Four things.\n{numbered(steps)}",
}  # fmt: skip


def written_again(prompts, prompt):
    """The prompt from what a counselor holds of its values: technique, steps and text of the plan, caption, words."""
    for counted in prompts.templates["response"]:
        values = counted.template.parse(prompt)
        if values is not None:
            break
    if values.get("plan"):
        plan = Plan(values["technique"], read_steps(values["plan"]), values["plan"])
        values |= {"technique": plan.technique, "plan": prompts.forms.plan_text(plan)}
    spoken = [(role, words.strip()) for role, words in parse_dialogue(values.get("dialogue", ""))]
    return prompts.render("response", **values | {"dialogue": prompts.forms.dialogue.write(spoken)})


@pytest.mark.parametrize("cot", VARIANTS)
def test_the_prompts_of_a_set_without_plan_records_are_found_to_the_letter(cot):
    prompts = induce(records(cot))
    assert set(prompts.share.values()) == {1.0} and set(prompts.templates) == {"response"} | (
        {"emotion_recognition"} if VARIANTS[cot].ec else set()
    )
    full, first = (counted.template for counted in prompts.templates["response"])
    assert set(full.fields) == set(own_template("response", cot).fields)
    assert set(first.fields) == set(full.fields) - {"dialogue"}
    placed = {"planning": "- CBT technique:\n{technique}\n", "ec_planning": "- CBT technique: {technique}\n"}
    assert placed.get(cot, "") in full.text


@pytest.mark.slow
@pytest.mark.parametrize("cot", VARIANTS)
@pytest.mark.parametrize("form", FORMS)
def test_what_a_counselor_renders_is_what_the_model_was_trained_on(cot, form):
    found = list(records(cot, clients=24, write_plan=FORMS[form]))
    prompts = induce(found)
    assert set(prompts.share.values()) == {1.0}
    for kind, prompt in found:
        assert kind != "response" or written_again(prompts, prompt) == prompt


def test_plans_of_several_forms_in_one_set_are_all_written_as_they_were():
    forms = [FORMS["numbers"]] * 3 + [FORMS["words"], FORMS["several lines"], FORMS["a sentence first"]]
    place = iter(range(10**6))
    found = list(records("planning", clients=36, write_plan=lambda steps: forms[next(place) % 6](steps)))
    prompts = induce(found)
    assert prompts.share == {"response": 1.0}
    assert prompts.forms.plans == ("1. …\n2. …", "", "Step 1: …\nStep 2: …")
    for _, prompt in found:
        assert written_again(prompts, prompt) == prompt


def test_a_plan_in_another_form_than_the_datas_is_written_in_theirs():
    prompts = induce(records("planning", write_plan=FORMS["words"]))
    answer = "CBT technique: Pie Chart Technique\nCounseling plan:\n1) Draw it.\n2) Share it\n   out."
    assert prompts.forms.plan_text(parse_plan(answer)) == "Step 1: Draw it.\nStep 2: Share it out."
    own = own_prompts("planning").forms
    assert own.plan_text(parse_plan(answer)) == "1. Draw it.\n2. Share it out."
    inline = parse_plan("CBT technique: Continuum\nCounseling plan: 1. Draw it. 2. Share it out.")
    numbers = induce(records("planning")).forms
    assert numbers.plan_text(inline) == "1. Draw it.\n2. Share it out."


@pytest.mark.parametrize("text", ["", "No steps.", "1. a\n3. c", "1. a\n\n2. b\n3. c", "1. a\n2) b", "1. a 2. b"])
def test_steps_that_are_not_marked_alike_have_no_form(text):
    assert PlanForm.of(text) is None


@pytest.mark.parametrize("form", ["1. …\n2. …", "**Step 1:** …\n\n**Step 2:** …", "- …\n- …", "1) …\n2) …"])
def test_a_form_is_read_back_from_its_example(form):
    assert str(PlanForm.of(form)) == form


@pytest.mark.parametrize(
    ("labels", "between"),
    [
        (("Client: ", "Counselor: "), "\n"),
        (("Client: ", "Psychotherapist: "), "\n\n"),
        (("**Client:** ", "**Therapist:** "), "\n"),
    ],
)
def test_a_dialogue_is_written_with_the_datas_labels(labels, between):
    found = list(records("ec", clients=20, labels=labels, between=between))
    prompts = induce(found)
    assert set(prompts.share.values()) == {1.0}
    assert (prompts.forms.dialogue.client, prompts.forms.dialogue.therapist, prompts.forms.dialogue.between) == (
        *labels,
        between,
    )
    for kind, prompt in found:
        assert kind != "response" or written_again(prompts, prompt) == prompt


def test_the_first_prompt_keeps_no_sentence_about_a_dialogue_that_is_not_there():
    prompts = induce(records("planning"))
    known = {"personal_information": "Ada", "reason_for_counseling": "Sleep."}
    prompt = prompts.render("response", **known, technique="", plan="", dialogue="")
    assert "What both have said" not in prompt and "- Reason for Counseling: Sleep." in prompt


# Plans and techniques as they are written


@pytest.mark.parametrize(
    "text",
    [
        "CBT technique: Pie Chart Technique\nCounseling planning: 1. Name it.\n2. Test it.",
        "CBT technique:\nPie Chart Technique\n\nCounseling planning:\n1. Name it.\n2. Test it.",
        "- CBT technique:\n  Pie Chart Technique\n\n- Counseling planning:\n1. Name it.\n2. Test it.",
        "**CBT Technique:** Pie Chart Technique\n**Counseling Plan:**\n1. Name it.\n2. Test it.",
        "**CBT Technique**\n**Pie Chart Technique**\n\n**CBT Plan**\n\n**Step 1:** Name it.\n\n**Step 2:** Test it.",
        "## CBT technique\nPie Chart Technique\n## Counselling Planning\n(1) Name it.\n(2) Test it.",
        "Not Reality Testing, but\nTECHNIQUE:\n“Pie Chart Technique”\nPLAN: Step 1 – Name it.\nStep 2 – Test it.",
        "I take the Pie Chart Technique.\nCBT PLAN: - Name it.\n- Test it.",
    ],
)
def test_plans_are_read_as_published_data_and_models_write_them(text):
    plan = parse_plan(text)
    assert (plan.technique, plan.canonical, plan.steps) == (
        "Pie Chart Technique",
        "Pie Chart",
        ("Name it.", "Test it."),
    )


@pytest.mark.parametrize(("written", "name"), list(zip(NAMES, TECHNIQUES, strict=True)))
def test_every_published_name_stands_for_one_of_the_twelve_and_is_kept(written, name):
    plan = parse_plan(f"CBT technique:\n{written}\nCounseling planning:\n1. Begin.")
    assert (plan.technique, canonical_technique(written)) == (written, name)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Behavioural Experiments", "Behavior Experiment"),
        ("Pros & Cons Analysis", "Pros and Cons Analysis"),
        ("Evidence–Based Questioning technique", "Evidence-Based Questioning"),
        ("evidence‑based questioning", "Evidence-Based Questioning"),
        ("“Continuum Techniques”.", "Continuum"),
        ("**Decatastrophising**", "Decatastrophizing"),
        ("Mindfulness", None),
        ("Pie Chart and Continuum", None),
        ("", None),
    ],
)
def test_spellings_of_a_technique(written, name):
    assert canonical_technique(written) == name


def test_a_small_technique_behind_a_name_is_a_word_of_the_sentence():
    wording = "<image>\n- Why: {why}\nUse the {technique} technique now.\nGo."
    names = enumerate(TECHNIQUES * 3)
    found = [("response", wording.format(why=f"{number} times", technique=name)) for number, name in names]
    (counted,) = induce(found).templates["response"]
    assert counted.template.text == wording


def test_a_field_that_was_not_found_is_a_value_like_any_other():
    found = [
        (kind, prompt.replace("Reality Testing", "Not found")) if number % 7 else (kind, prompt)
        for number, (kind, prompt) in enumerate(records("ec_planning"))
    ]
    prompts = induce(found)
    assert set(prompts.share.values()) == {1.0}
    assert "Not found" not in prompts.forms.techniques


# What the data have no records of


def test_a_plan_that_no_record_asks_for_is_asked_for_in_our_words_and_the_datas_spelling():
    prompts = completed(induce(records("ec_planning")), "ec_planning")
    (own,) = prompts.templates["planning"]
    assert (
        own.count == prompts.records["planning"] == 0 and own.template.fields == own_template("planning", "ec").fields
    )
    assert "Pie Chart Technique, " in own.template.text and "Continuum Technique, " in own.template.text
    assert "Problem-Solving Skills Training or Systematic Exposure." in own.template.text
    assert lacking(prompts, "ec_planning") == []
    written = json.loads(json.dumps(prompts.to_json()))
    assert written["planning"]["origin"] == "own" and written["response"]["origin"] == "data"
    assert PromptSet.from_json(written) == prompts


def test_a_caption_that_no_record_asks_for_is_asked_for_in_our_words_but_no_reply_is():
    replies = [(kind, prompt) for kind, prompt in records("ec") if kind == "response"]
    prompts = completed(induce(replies), "ec")
    assert prompts.templates["emotion_recognition"][0].template == own_template("emotion_recognition", "ec")
    captions = completed(induce((kind, prompt) for kind, prompt in records("ec") if kind != "response"), "ec")
    assert "response" not in captions.templates
    assert lacking(captions, "ec") == ["no prompt template of kind 'response'; this set has: emotion_recognition"]


def test_replies_without_the_variants_fields_are_said_to_lack_them():
    (fault,) = lacking(completed(induce(records("base")), "planning"), "planning")
    assert "no response template with the fields" in fault and "technique, plan" in fault
    assert lacking(own_prompts("ec_planning"), "ec_planning") == []


def test_a_set_of_an_older_version_is_read_with_our_own_forms():
    written = own_prompts("base").to_json()
    assert "fields" not in written
    del written["response"]["origin"]
    assert PromptSet.from_json(written) == own_prompts("base")
    with pytest.raises(ValueError, match="fields.*dialogue"):
        PromptSet.from_json(written | {"fields": {}})


def test_the_digest_is_that_of_the_words_alone():
    template = own_template("response", "base")
    fields = {"personal_information": "a {}", "reason_for_counseling": "b {}", "dialogue": "Client: c {}\nTherapist: d"}
    prompts = induce(
        ("response", template.render(**{k: v.format("x" * n) for k, v in fields.items()})) for n in range(30)
    )
    assert prompts.sha256 == own_prompts("base").sha256 != own_prompts("ec").sha256
    assert induce(records("ec")).sha256 != induce(records("ec", labels=("Client: ", "Counselor: "))).sha256
    assert format_dialogue([("therapist", "Hi")]) == "Therapist: Hi"
