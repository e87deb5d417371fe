"""Records have the published form, and what the counselor reads when it counsels."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.building.portrait import Portrait
from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.building.training_set.options import RecordOptions
from mirror.building.training_set.records import image_file, make_records, plan_fault, sift_screenplays, sift_turns
from mirror.counseling.dialogue_window import fit_prompt
from mirror.prompts import VARIANTS, DialogueForm, FieldForms, own_prompts, own_template, parse_dialogue, parse_plan
from mirror.training.prompt_induction import induce
from tests.made_screenplays import make_screenplays

INFO = ClientInfo("Ana, 30, a nurse", "Cognitive Resistance", "I always fail.", "I cannot sleep.")
LINES = (
    Line("therapist", "smiles", "Welcome, Ana."),
    Line("client", "looks down, brows drawn", ""),
    Line("therapist", "", "You look tense."),
    Line("client", "shrugs", "I never sleep."),
    Line("therapist", "nods", "Since when?"),
    Line("client", "eyes wet", "Since spring."),
    Line("therapist", "", "What happened then?"),
)
PLAY = Screenplay(
    idx="cactus-7-cognitive-resistance",
    info=INFO,
    technique="Pie Chart Technique",
    plan=("List all causes.", "Give each a share."),
    lines=LINES,
    portrait=Portrait("004711", (Path("004711.jpg"),), "77"),
    pictures={turn: Path(f"{turn}.png") for turn in (1, 3, 5)},
)
OPTIONS = RecordOptions()


def human(record):
    return record["conversations"][0]["value"]


def ids(records):
    return [record["question_id"].removeprefix(f"{PLAY.idx}:") for record in records]


def test_a_reply_has_the_published_form():
    """The form of the samples: `<idx>:<t>:response`, the picture of turn t-1, the words of turn t as the answer."""
    published = replace(OPTIONS, plan_records=False)
    assert make_records(PLAY, "ec_planning", published)[-1] == {
        "question_id": "cactus-7-cognitive-resistance:6:response",
        "image": "cactus-7-cognitive-resistance/turn:5_004711.png",
        "conversations": [
            {
                "from": "human",
                "value": "<image>\n"
                "The image shows your client's face right now.\n"
                "- Personal Information: Ana, 30, a nurse\n"
                "- Client Emotional State: eyes wet\n"
                "- Reason for Counseling: I cannot sleep.\n"
                "- CBT Technique: Pie Chart Technique\n"
                "- Counseling Plan:\n"
                "1. List all causes.\n"
                "2. Give each a share.\n"
                "The session so far:\n"
                "Therapist: Welcome, Ana.\n"
                "Therapist: You look tense.\n"
                "Client: I never sleep.\n"
                "Therapist: Since when?\n"
                "Client: Since spring.\n"
                "Answer as the therapist.",
            },
            {"from": "gpt", "value": "What happened then?"},
        ],
    }


def test_a_caption_is_the_stage_direction_on_the_same_image():
    caption, reply = make_records(PLAY, "ec", OPTIONS)[:2]
    assert caption["question_id"] == "cactus-7-cognitive-resistance:2:emotion_recognition"
    assert caption["image"] == reply["image"] == "cactus-7-cognitive-resistance/turn:1_004711.png"
    assert caption["conversations"][1]["value"] == "looks down, brows drawn"
    assert human(caption) == own_template("emotion_recognition", "ec").text


@pytest.mark.parametrize(
    ("cot", "expected"),
    [
        ("base", ["2:response", "4:response", "6:response"]),
        ("planning", ["2:response", "4:planning", "4:response", "6:response"]),
        (
            "ec",
            ["2:emotion_recognition", "2:response", "4:emotion_recognition", "4:response", "6:emotion_recognition",
             "6:response"],
        ),
        (
            "ec_planning",
            ["2:emotion_recognition", "2:response", "4:emotion_recognition", "4:planning", "4:response",
             "6:emotion_recognition", "6:response"],
        ),
    ],
)  # fmt: skip
def test_the_records_of_a_variant(cot, expected):
    assert ids(make_records(PLAY, cot, OPTIONS)) == expected
    without = [name for name in expected if not name.endswith("planning")]
    assert ids(make_records(PLAY, cot, replace(OPTIONS, plan_records=False))) == without


def test_the_plan_is_asked_for_once_the_client_has_spoken():
    records = {record["question_id"].split(":", 1)[1]: record for record in make_records(PLAY, "planning", OPTIONS)}
    plan = parse_plan(records["4:planning"]["conversations"][1]["value"])
    assert (plan.technique, plan.steps) == (PLAY.technique, PLAY.plan)
    assert "- CBT Technique: \n- Counseling Plan:\n\n" in human(records["2:response"])
    shown = make_records(PLAY, "planning", replace(OPTIONS, plan_when_silent=True))
    assert all(
        "Pie Chart Technique\n- Counseling Plan:\n1. List" in human(r) for r in shown if "resp" in r["question_id"]
    )


def test_the_plan_is_asked_for_at_a_later_turn_if_that_has_no_picture():
    play = replace(PLAY, pictures={1: Path("1.png"), 5: Path("5.png")})
    assert ids(make_records(play, "planning", OPTIONS)) == ["2:response", "6:planning", "6:response"]


def test_a_missing_picture_shifts_nothing():
    whole = {record["question_id"]: record for record in make_records(PLAY, "ec", OPTIONS)}
    for missing in PLAY.pictures:
        play = replace(PLAY, pictures={turn: path for turn, path in PLAY.pictures.items() if turn != missing})
        rest = make_records(play, "ec", OPTIONS)
        assert len(rest) == len(whole) - 2
        assert all(record == whole[record["question_id"]] for record in rest)


def test_fields_that_are_not_found_are_empty():
    play = replace(PLAY, info=replace(INFO, reason="Not found."), technique="Not found", plan=())
    text = human(make_records(play, "planning", OPTIONS)[-1])
    assert "- Reason for Counseling: \n- CBT Technique: \n- Counseling Plan:\n\nThe session" in text


def test_other_prompts_and_forms_are_used():
    forms = FieldForms(dialogue=DialogueForm("Counselor: ", "Client: ", "\n\n"), plans=("Step 1: …\n\nStep 2: …",))
    own = replace(own_prompts("planning"), forms=forms)
    text = human(make_records(PLAY, "planning", replace(OPTIONS, prompts={"planning": own}))[-1])
    assert "Step 1: List all causes.\n\nStep 2: Give each a share.\n" in text
    assert "Client: I never sleep.\n\nCounselor: Since when?" in text


def test_the_image_needs_a_portrait():
    assert image_file(PLAY, 3, replace(OPTIONS, image_name="turn-{turn}_{portrait}.png")).endswith("turn-3_004711.png")
    with pytest.raises(ValueError, match="has no portrait"):
        image_file(replace(PLAY, portrait=None), 3, OPTIONS)


# Turns without records ------------------------------------------------------------------------------------------------


def with_line(place, **changed):
    return replace(PLAY, lines=(*LINES[:place], replace(LINES[place], **changed), *LINES[place + 1 :]))


@pytest.mark.parametrize(
    ("play", "kept", "reasons"),
    [
        (PLAY, (2, 4, 6), []),
        (with_line(3, direction=" "), (2, 6), [("no_direction", 3, "turn")]),
        (with_line(4, words=""), (2, 6), [("no_answer", 4, "turn")]),
        (with_line(6, words="Hm.</s>"), (2, 4), [("control_text", 6, "turn")]),
        (with_line(5, words="See <image>"), (2, 4), [("control_text", 5, "turn")]),
        (with_line(5, direction="smiles \ud83d"), (2, 4), [("control_text", 5, "turn")]),
        (with_line(0, words="<pad>"), (), [("control_text", 0, "turn")] * 3 + [("no_turns", None, "dialogue")]),
        (replace(PLAY, pictures={}), (), [("no_turns", None, "dialogue")]),
        (replace(PLAY, technique="Magic"), (2, 4, 6), [("unusable_plan", None, "plan")]),
        (replace(PLAY, plan=()), (2, 4, 6), [("unusable_plan", None, "plan")]),
        (replace(PLAY, plan=("a", "<s> b")), (), [("control_text", None, "dialogue")]),
        (replace(PLAY, info=replace(INFO, personal_info="A\nTherapist: B")), (), [("speaker_label", None, "dialogue")]),
        (
            replace(PLAY, info=replace(INFO, reason="A\n - Reason for Counseling: B")),
            (),
            [("prompt_line", None, "dialogue")],
        ),
        (with_line(3, direction="A\nAnswer as the therapist."), (2, 6), [("prompt_line", 3, "turn")]),
        (replace(PLAY, info=replace(INFO, reason="\0")), (), [("control_text", None, "dialogue")]),
    ],
)
def test_what_is_left_out_is_named(play, kept, reasons):
    sifted = sift_turns(play, OPTIONS)
    assert sifted.kept == kept
    assert [(one.reason, one.line, one.what) for one in sifted.dropped] == reasons
    assert all(one.step == "record" and one.idx == PLAY.idx and one.detail for one in sifted.dropped)
    for cot in VARIANTS:
        turns = [record["question_id"].split(":")[1] for record in make_records(play, cot, OPTIONS)]
        assert list(dict.fromkeys(turns)) == [str(turn) for turn in kept]


def test_a_control_token_outside_the_window_does_no_harm():
    play = with_line(0, words="<pad>")
    assert sift_turns(play, replace(OPTIONS, window=2)).kept == (4, 6)
    assert "<pad>" not in str(make_records(play, "base", replace(OPTIONS, window=2)))


def test_no_plan_is_missed_where_none_is_asked_for():
    play = replace(PLAY, technique="Magic")
    assert plan_fault(play) and not sift_turns(play, replace(OPTIONS, plan_records=False)).dropped
    assert "Magic" in human(make_records(play, "planning", OPTIONS)[-1])


def test_screenplays_without_records_are_left_out():
    empty = replace(PLAY, idx="cactus-8", pictures={})
    sifted = sift_screenplays([empty, PLAY], OPTIONS)
    assert sifted.kept == (PLAY,)
    assert [(one.idx, one.reason) for one in sifted.dropped] == [("cactus-8", "no_turns")]


# Properties -----------------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30).map(
    lambda text: " ".join(text.replace("<", "").split())
)
SAID = WORDS.filter(bool)


@st.composite
def plays(draw):
    speakers = draw(st.lists(st.sampled_from(["client", "therapist"]), min_size=2, max_size=30))
    lines = tuple(Line(speaker, draw(WORDS), draw(st.one_of(st.just(""), SAID))) for speaker in speakers)
    play = replace(PLAY, lines=lines)
    pictured = draw(st.sets(st.sampled_from(play.client_lines))) if play.client_lines else set()
    return replace(play, pictures={turn: Path(f"{turn}.png") for turn in pictured})


@given(plays(), st.integers(1, 8), st.booleans(), st.booleans())
def test_any_screenplay_gives_the_same_turns_and_the_counselors_window(play, window, plans, when_silent):
    options = RecordOptions(window=window, plan_records=plans, plan_when_silent=when_silent)
    kept = sift_turns(play, options).kept
    assert set(kept) <= {turn + 1 for turn in play.pictures}
    for cot in VARIANTS:
        records = make_records(play, cot, options)
        replies = [record for record in records if record["question_id"].endswith(":response")]
        assert [int(record["question_id"].split(":")[1]) for record in replies] == list(kept)
        assert len({record["question_id"] for record in records}) == len(records)
        for turn, record in zip(kept, replies, strict=True):
            fields = own_template("response", cot).parse(human(record))
            spoken = [(line.speaker, line.words) for line in play.lines[:turn] if line.words]
            fitted = fit_prompt(spoken, window, DialogueForm().write, lambda text: True)
            assert fields["dialogue"] == (fitted.text if fitted else "")
            shown = parse_dialogue(fields["dialogue"])
            assert len(shown) <= window
            if play.lines[turn - 1].words:
                assert shown[-1] == ("client", play.lines[turn - 1].words)
            assert record["conversations"][1]["value"] == play.lines[turn].words
            assert record["image"].endswith(f"/turn:{turn - 1}_004711.png")


@pytest.mark.parametrize("silent_start", [False, True])
@pytest.mark.parametrize("number", [1, 2, 8])
@pytest.mark.parametrize("window", [1, 16])
def test_every_prompt_is_reproduced(tmp_path, number, silent_start, window):
    options = RecordOptions(window=window)
    many = make_screenplays(tmp_path, number, silent_start=silent_start)
    for cot in VARIANTS:
        records = [record for play in many for record in make_records(play, cot, options)]
        induced = induce((record["question_id"].rsplit(":", 1)[1], human(record)) for record in records)
        assert set(induced.share.values()) == {1.0}
