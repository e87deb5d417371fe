"""Prompt templates are found in the records of a data set with another wording."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import (
    KINDS,
    TECHNIQUES,
    VARIANTS,
    PromptSet,
    PromptTemplate,
    format_dialogue,
    format_steps,
    own_prompts,
    own_template,
)
from mirror.training.prompt_induction import induce

WORDS = "my mother calls at night and i never sleep because work feels like too much for one tired person now".split()
FEELINGS = ("Looks skeptical", "Looks sad", "Seems calm", "Angry and tense", "Tired")


def sentence(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 12))).capitalize() + "."


def sessions(seed, clients, turns):
    """(turn, fields) of every turn; reasons run over one to three lines, dialogues open with a silent client."""
    rng = random.Random(seed)
    for _ in range(clients):
        name, age = f"{rng.choice(WORDS).capitalize()} {rng.randint(1, 9999)}", rng.randint(18, 90)
        client = {
            "personal_information": f"{name}, {age}, {sentence(rng)}",
            "reason_for_counseling": "\n".join(sentence(rng) for _ in range(rng.randint(1, 3))),
            "technique": rng.choice(TECHNIQUES),
            "plan": format_steps([sentence(rng) for _ in range(rng.randint(2, 5))]),
        }
        for turn in range(turns):
            spoken = [("client", "")]
            for _ in range(turn):
                spoken += [("therapist", sentence(rng)), ("client", f"{sentence(rng)}\n{sentence(rng)}")]
            yield turn, client | {"client_emotional_state": rng.choice(FEELINGS), "dialogue": format_dialogue(spoken)}


def own_records(kind, cot, clients=12, turns=5):
    template = own_template(kind, cot)
    for _, fields in sessions(1, clients, turns):
        yield kind, template.render(**{name: fields[name] for name in template.fields})


def texts(prompts, kind):
    return [counted.template.text for counted in prompts.templates[kind]]


def counts(prompts, kind):
    return [counted.count for counted in prompts.templates[kind]]


# Induction: two foreign wordings. In the first the technique stands in a sentence, the first turn has no dialogue,
# there are braces and a line of blanks; the second has other labels, Windows line ends, and no sentence before the
# dialogue.

FOLDER_FIELDS = (
    "personal_information", "client_emotional_state", "reason_for_counseling", "technique", "plan", "dialogue",
)  # fmt: skip
FOLDER_TALK = "Up to now this was said. \n\n{dialogue}\n\n"
FOLDER = (
    "Have a look: <image>\nIt is your {{{{client}}}}.\n- Personal Information: {{personal_information}}\n"
    "- Client Emotional State: {{client_emotional_state}}\n- Reason for Counseling: {{reason_for_counseling}}\n\n"
    "You settled on {{technique}} for this person and noted the steps below:\n{{plan}}\n   \n{talk}"
    "Now speak, kindly.\n- Form: one or two sentences.\nTherapist:"
)
CARD = (
    "<image>\r\nCard of a person  \r\nAbout: {about}  \r\nWhat for: {what_for}  \r\n{technique}\r\n{plan}\r\n"
    "{dialogue}\r\nWhat do you say?"
)
CARD_NAMES = {"about": "personal_information", "what_for": "reason_for_counseling"}


def foreign_records(wording, clients=20, turns=5):
    for turn, fields in sessions(3, clients, turns):
        if wording is FOLDER:
            template = PromptTemplate("response", FOLDER.format(talk=FOLDER_TALK if turn else ""))
        else:
            template = PromptTemplate("response", CARD)
        yield "response", template.render(**{name: fields[CARD_NAMES.get(name, name)] for name in template.fields})


@pytest.mark.parametrize(
    ("kind", "cot"), [*(("response", cot) for cot in VARIANTS), ("planning", "ec"), ("emotion_recognition", "ec")]
)
def test_induction_finds_our_own_templates(kind, cot):
    prompts = induce(own_records(kind, cot))
    assert texts(prompts, kind) == [own_template(kind, cot).text]
    assert counts(prompts, kind) == [60]
    assert prompts.share == {kind: 1.0}


def test_induction_keeps_the_kinds_of_a_mixed_set_apart():
    prompts = induce(record for kind in KINDS for record in own_records(kind, "planning"))
    assert {kind: texts(prompts, kind) for kind in KINDS} == {
        kind: [own_template(kind, "planning").text] for kind in KINDS
    }


def test_induction_finds_a_wording_whose_first_turns_have_no_dialogue():
    prompts = induce(foreign_records(FOLDER))
    assert texts(prompts, "response") == [FOLDER.format(talk=FOLDER_TALK), FOLDER.format(talk="")]
    assert counts(prompts, "response") == [80, 20]
    assert prompts.share == {"response": 1.0}


def test_induction_finds_a_wording_with_windows_line_ends_and_no_sentence_before_the_dialogue():
    prompts = induce(foreign_records(CARD))
    assert texts(prompts, "response") == [CARD]
    assert prompts.share == {"response": 1.0}


def test_a_personal_information_of_several_labelled_lines_is_one_field():
    text = "<image>\nThis is who came.\n- Personal Information: {who}\n- Reason for Counseling: {why}\nAnswer."
    records, known = [], set()
    for number, (_, fields) in enumerate(sessions(4, 30, 1)):
        gender = ("female", "male")[number % 2]
        who = f"Name:\n{fields['personal_information']}\nAge:\n{20 + number}\nGender:\n{gender}"
        who += "\nFamily: two brothers" if number % 3 else ""
        known.add(who)
        records.append(("response", text.format(who=who, why=fields["reason_for_counseling"])))
    prompts = induce(records)
    assert texts(prompts, "response") == [text.format(who="{personal_information}", why="{reason_for_counseling}")]
    template = prompts.templates["response"][0].template
    assert {template.parse(prompt)["personal_information"] for _, prompt in records} == known
    assert prompts.share == {"response": 1.0}


DEVIATIONS = {
    "typo in the first sentence": lambda prompt: prompt.replace("It is your", "It is yuor"),
    "typo in a label": lambda prompt: prompt.replace("- Reason for Counseling:", "- Reason for Counselling:"),
    "typo around the technique": lambda prompt: prompt.replace("You settled on", "You setled on"),
    "typo before the dialogue": lambda prompt: prompt.replace("this was said", "this wsa said"),
    "typo in the closing": lambda prompt: prompt.replace("Now speak, kindly.", "Now speak, kndly."),
    "line missing": lambda prompt: prompt.replace("It is your {client}.\n", ""),
    "label missing": lambda prompt: prompt.replace("- Personal Information: ", ""),
    "words before the dialogue": lambda prompt: prompt.replace("was said. \n\n", "was said. \n\n(A pause.)\n"),
    "closing missing": lambda prompt: prompt[: prompt.index("Now speak")],
    "blank at the end": lambda prompt: prompt + " ",
    "no such technique": lambda prompt: prompt.replace("You settled on ", "You settled on Mindful "),
    "all different": lambda prompt: "<image>\nWho is this?",
}


def test_deviating_records_spoil_no_template_and_are_counted_as_missed():
    records = list(foreign_records(FOLDER, clients=60))
    for place, deviate in enumerate(DEVIATIONS.values()):
        kind, prompt = records[7 + 25 * place]
        assert deviate(prompt) != prompt
        records[7 + 25 * place] = kind, deviate(prompt)
    prompts = induce(records)
    assert texts(prompts, "response") == [FOLDER.format(talk=FOLDER_TALK), FOLDER.format(talk="")]
    assert counts(prompts, "response") == [240 - len(DEVIATIONS), 60]
    assert prompts.share["response"] == (300 - len(DEVIATIONS)) / 300


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_the_same_deviation_in_four_of_a_hundred_records_is_counted_as_missed(deviation):
    records = list(foreign_records(FOLDER))
    for place in (11, 32, 53, 74):
        records[place] = "response", DEVIATIONS[deviation](records[place][1])
    prompts = induce(records)
    kept = [FOLDER.format(talk=FOLDER_TALK), FOLDER.format(talk="")]
    assert texts(prompts, "response")[:2] == kept
    rest = texts(prompts, "response")[2:]
    # A field that is gone, or a question without fields, is a wording of its own from the third record on.
    assert rest == [] or deviation in ("label missing", "all different")
    assert prompts.share["response"] == (1.0 if rest else 0.96)


def test_different_slips_in_the_closing_do_not_become_the_end_of_the_dialogue():
    records = list(foreign_records(FOLDER))
    for place in range(1, 100, 10):
        records[place] = "response", records[place][1].replace("kindly", f"kind{'abcdefghij'[place // 10]}ly")
    prompts = induce(records)
    assert len(texts(prompts, "response")) == 2
    assert prompts.share["response"] == 0.9


WORDINGS = {  # the texts of two templates, and which of them a record has
    "a sentence that some records have is not part of the value before it": (
        "<image>\n- Why: {why}\nGo.",
        "<image>\n- Why: {why}\nBe kind to this one.\nGo.",
        lambda number: number % 10 < 3,
    ),
    "a dialogue is not part of the value before it": (
        "<image>\n- Why: {why}\nGo.",
        "<image>\n- Why: {why}\n{dialogue}\nGo.",
        lambda number: number % 10 < 3,
    ),
    "the last line of a value is not a plan": (
        "<image>\n- Why: {why}\n{plan}\nGo.",
        "<image>\n- Why: {why}\nGo.",
        lambda number: number % 10 < 3,
    ),
    "fields stay fields where one client alone has a wording": (
        "<image>\n- Who: {who}\n- Why: {why}\nUse {technique}.\n{dialogue}\nGo.",
        "<image>\n- Who: {who}\n- Why: {why}\nUse {technique}.\nGo.",
        lambda number: number < 5,
    ),
    "of the names in a line only the one that varies is the field": (
        f"<image>\n- Why: {{why}}\nOf {', '.join(TECHNIQUES)} take {{technique}}.\nGo.",
        f"<image>\n- Why: {{why}}\nOf {', '.join(TECHNIQUES)} take {{technique}}.\nSpeak.",
        lambda number: number % 10 < 3,
    ),
}


@pytest.mark.parametrize("case", WORDINGS)
def test_two_wordings_of_one_kind_are_told_apart(case):
    *wordings, is_second = WORDINGS[case]
    templates = [PromptTemplate("response", text) for text in wordings]
    records, expected = [], [0, 0]
    for number, (_, fields) in enumerate(sessions(5, 20, 5)):
        template = templates[is_second(number)]
        expected[is_second(number)] += 1
        values = fields | {"who": fields["personal_information"], "why": fields["reason_for_counseling"]}
        records.append(("response", template.render(**{name: values[name] for name in template.fields})))
    prompts = induce(records)
    assert texts(prompts, "response") == [template.text for template in templates]
    assert counts(prompts, "response") == expected
    assert prompts.share == {"response": 1.0}


def test_records_whose_text_has_no_name_do_not_hide_the_others():
    rng = random.Random(1)
    records = [("response", f"<image>\n{sentence(rng)}\nGo.") for _ in range(60)]
    records += [("response", f"<image>\n- Why: {sentence(rng)}\nGo.") for _ in range(40)]
    prompts = induce(records)
    assert texts(prompts, "response") == ["<image>\n- Why: {why}\nGo."]
    assert prompts.share == {"response": 0.4}


def test_two_wordings_give_two_templates_and_a_rare_one_is_left_out():
    records = list(foreign_records(CARD, clients=60))
    for place in range(0, 300, 3):
        records[place] = "response", records[place][1].replace("Card of a person", "A person, on a card")
    records[1] = records[2] = "response", "Who is this? <image>"
    prompts = induce(records)
    assert texts(prompts, "response") == [CARD, CARD.replace("Card of a person", "A person, on a card")]
    assert counts(prompts, "response") == [198, 100]
    assert prompts.share["response"] == 298 / 300


def test_a_line_under_a_step_belongs_to_the_plan_however_common():
    template = PromptTemplate("response", "<image>\n- Why: {why}\nThe steps:\n{plan}\nGo.")
    rng = random.Random(2)
    records = []
    for number in range(60):
        plan = f"1. {sentence(rng)}\n" + number % 2 * "   Write it down.\n" + f"2. {sentence(rng)}"
        records.append(("response", template.render(why=sentence(rng), plan=plan)))
    prompts = induce(records)
    assert texts(prompts, "response") == [template.text]
    assert counts(prompts, "response") == [60]


def test_constants_as_varied_as_fields_give_no_template():
    rng = random.Random(0)
    prompts = induce(("response", f"<image>\n{sentence(rng)}\n{sentence(rng)}\nGo.") for _ in range(300))
    assert prompts.templates == {"response": ()}
    assert prompts.share == {"response": 0.0}
    with pytest.raises(ValueError, match="none was found"):
        prompts.template("response", ["dialogue"])


def test_paraphrases_of_a_question_are_templates_of_their_own():
    questions = [f"<image>\n{sentence(random.Random(seed))}" for seed in range(30)]
    prompts = induce(("emotion_recognition", questions[number % 30]) for number in range(240))
    assert sorted(texts(prompts, "emotion_recognition")) == sorted(questions)
    assert prompts.share == {"emotion_recognition": 1.0}


def test_a_value_that_never_varies_becomes_a_constant():
    records = [(kind, prompt) for kind, prompt in own_records("response", "base", clients=1, turns=6)]
    prompts = induce(records)
    template = prompts.templates["response"][0].template
    assert template.fields == ("dialogue",)
    assert template.text.endswith("{dialogue}\nAnswer as the therapist.")
    assert prompts.share == {"response": 1.0}


@pytest.mark.parametrize("cot", VARIANTS)
def test_a_single_record_is_reproduced(cot):
    prompts = induce(list(own_records("response", cot, clients=1, turns=3))[-1:])
    assert [template.template.fields for template in prompts.templates["response"]] == [("dialogue",)]
    assert prompts.share == {"response": 1.0}


def test_no_records_give_an_empty_set():
    assert induce([]) == PromptSet({}, {})


LINES = (
    "<image>",
    "- A: b",
    "- A:",
    "A: c",
    "1. x",
    "2. y",
    "Client: hi",
    "Therapist:",
    "Pie Chart",
    "",
    " ",
    "\r",
    "{x",
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(LINES), max_size=9).map("\n".join), max_size=12))
def test_induction_of_anything_ends_and_counts_what_its_templates_reproduce(found):
    prompts = induce(("x", prompt) for prompt in found)
    for counted in prompts.templates.get("x", ()):
        read = [fields for fields in map(counted.template.parse, found) if fields is not None]
        assert len(read) >= counted.count > 0
    assert 0.0 <= prompts.share.get("x", 1.0) <= 1.0


# Prompt sets


def test_a_prompt_set_survives_json():
    prompts = induce([*foreign_records(FOLDER), *own_records("emotion_recognition", "ec")])
    written = json.loads(json.dumps(prompts.to_json()))
    assert PromptSet.from_json(written) == prompts
    assert written["response"]["share"] == prompts.share["response"] == 1.0
    del written["response"]["templates"][0]["text"]
    with pytest.raises(ValueError, match=r"'response'.*text"):
        PromptSet.from_json(written)


def test_a_template_is_picked_by_its_fields():
    prompts = induce(foreign_records(FOLDER))
    first, later = (prompts.template("response", fields) for fields in (FOLDER_FIELDS[:-1], FOLDER_FIELDS))
    assert (first.text, later.text) == (FOLDER.format(talk=""), FOLDER.format(talk=FOLDER_TALK))
    with pytest.raises(ValueError, match="no response template with the fields plan.*dialogue"):
        prompts.template("response", ["plan"])
    with pytest.raises(ValueError, match="no prompt template of kind 'planning'.*response"):
        prompts.template("planning", [])


def test_an_empty_dialogue_is_left_out_where_the_data_left_it_out():
    fields = dict.fromkeys(FOLDER_FIELDS, "x")
    prompts = induce(foreign_records(FOLDER))
    assert "Up to now" not in prompts.render("response", **fields | {"dialogue": ""})
    assert "Up to now" in prompts.render("response", **fields)
    own = own_prompts("base").render("response", personal_information="a", reason_for_counseling="b", dialogue="")
    assert own == own_template("response", "base").render(
        personal_information="a", reason_for_counseling="b", dialogue=""
    )
