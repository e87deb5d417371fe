"""The formats of values in the prompts of a data set: counted, written alike, and read back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import Plan, format_dialogue, format_plan, parse_plan
from mirror.prompts.dialogue import DialogueForm
from mirror.prompts.forms import DIALOGUES, IRREGULAR, FieldForms, FormCounts, PlanForm

STEPS = ("Name the worst.", "Ask how likely it is.")
MARKERS = ["1. ", "1) ", "(1) ", "**1.** ", "Step 1: ", "step 1 – ", "- ", "* ", "  • "]


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("between", ["\n", "\n\n", " \n  \n"])
def test_a_form_is_read_from_what_it_writes(marker, between):
    form = PlanForm(marker, between)
    assert PlanForm.of(form.write((*STEPS, "Compare."))) == form
    assert PlanForm.of(str(form)) == form
    assert form.write(STEPS[:1]) == f"{form.mark(1)}{STEPS[0]}"


def test_numbers_count_beyond_nine_in_every_place():
    lines = PlanForm("Step 1. ").write(["x"] * 11).split("\n")
    assert (lines[0], lines[1], lines[10]) == ("Step 1. x", "Step 2. x", "Step 11. x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name the worst.",
        "1. Name the worst.\n3. Ask.",
        "1. Name the worst.\n2) Ask.",
        "1. Name.\n2. Ask.\n\n3. Compare.",
        "2. Name.\n3. Ask.",
        "1.Name.\n2.Ask.",
    ],
)
def test_steps_that_are_marked_or_separated_otherwise_have_no_form(text):
    assert PlanForm.of(text) is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MARKERS), st.lists(st.from_regex(r"[a-z]{1,5}( [a-z]{1,5})?", fullmatch=True), min_size=1))
def test_steps_without_marks_of_their_own_round_trip(marker, steps):
    text = PlanForm(marker).write(steps)
    assert PlanForm.of(text) == PlanForm(marker)
    assert parse_plan(f"CBT technique: Pie Chart\nPlan:\n{text}").steps == tuple(steps)


def plan(text):
    return parse_plan(f"CBT technique: Pie Chart\nPlan:\n{text}")


def test_a_plan_stays_as_it_was_written_where_the_data_write_so_too():
    forms = FieldForms(plans=(str(PlanForm("Step 1: ")), str(PlanForm("1) "))))
    known, other = "1) Name the worst.\n2) Ask how likely it is.", "- Name the worst.\n- Ask how likely it is."
    assert forms.plan_text(plan(known)) == known
    assert forms.plan_text(plan(other)) == "Step 1: Name the worst.\nStep 2: Ask how likely it is."
    assert forms.plan_text(Plan("Pie Chart", STEPS)) == forms.steps_text(STEPS)


def test_an_irregular_plan_stays_where_the_data_have_such_and_is_never_the_common_form():
    text = "1. Name.\n3. Ask."
    assert FieldForms(plans=(IRREGULAR, str(PlanForm("1) ")))).plan_text(plan(text)) == text
    assert FieldForms(plans=(IRREGULAR, str(PlanForm("1) ")))).steps_text(STEPS).startswith("1) Name the worst.\n2) ")
    assert FieldForms(plans=(IRREGULAR,)).steps_text(STEPS) == "1. Name the worst.\n2. Ask how likely it is."
    assert FieldForms().steps_text(()) == ""


def test_techniques_are_respelled_as_the_data_spell_them():
    forms = FieldForms(techniques=("Pie Chart Technique", "Decatastrophising"))
    text = forms.respelled("Use a pie-chart, then Decatastrophizing, then Reality Testing.")
    assert text == "Use a Pie Chart Technique, then Decatastrophising, then Reality Testing."


def counted(*records):
    counts = FormCounts()
    for record in records:
        counts.add(record)
    return counts.forms()


def test_the_most_common_formats_come_first():
    forms = counted(
        *[{"plan": "1) a\n2) b", "technique": "Pie Chart"}] * 2,
        *[{"plan": "- a\n- b", "technique": "Pie Chart Technique"}] * 3,
        {"plan": "1. a\n3. b", "technique": "Reality Testing"},
    )
    assert forms.plans == (str(PlanForm("- ")), str(PlanForm("1) ")), IRREGULAR)
    assert forms.techniques == ("Pie Chart Technique", "Reality Testing"), "in the order of the 12, one spelling each"


def test_values_that_are_missing_or_none_count_nothing():
    forms = counted({}, {"plan": " ", "technique": "", "dialogue": ""}, {"plan": "Not found", "technique": "Hugging"})
    assert forms == FieldForms()


def test_dialogues_are_counted_and_beyond_enough_no_more():
    said = (("client", "a"), ("therapist", "b"))
    usual, rare = DialogueForm("Counselor: ", "Patient: ", "\n\n").write(said), format_dialogue(said)
    assert counted(*[{"dialogue": usual}] * 2, {"dialogue": rare}).dialogue == DialogueForm.of(usual)
    many = [{"dialogue": rare}] * DIALOGUES + [{"dialogue": usual}] * (DIALOGUES + 1)
    assert counted(*many).dialogue == DialogueForm.of(rare)


def test_forms_survive_json():
    dialogue = DialogueForm("**Therapist**: ", "**Client**: ", "\n\n")
    forms = FieldForms(dialogue, (str(PlanForm("1) ")), IRREGULAR), ("Pie Chart Technique",))
    assert FieldForms.from_json(forms.to_json()) == forms
    assert FieldForms.from_json(FieldForms().to_json()) == FieldForms()
    assert PlanForm.of(format_plan("Pie Chart", STEPS).split("\n", 2)[2]) == PlanForm()
