"""Arms that were asked in other words are found; arms whose prompts differ as their variants do are not."""

import json

import pytest

from mirror.analysis.differing.prompts import differing_part
from mirror.files.json_file import write_json
from mirror.prompts import VARIANTS, CountedTemplate, PromptSet, PromptTemplate, own_prompts
from tests.studies import CLIENTS, study, write

TRAINED = {
    "base": "<image>\nA photo of the person you talk to.\n- Personal Information: {personal_information}\n"
    "- Reason for Counseling: {reason_for_counseling}\nSo far you have said:\n{dialogue}\nGo on.",
    "ec": "<image>\nA photo of the person you talk to.\n- Personal Information: {personal_information}\n"
    "- Client Emotional State: {client_emotional_state}\n- Reason for Counseling: {reason_for_counseling}\n"
    "So far you have said:\n{dialogue}\nGo on.",
}


def recorded(tmp_path, name, prompts=None, cot="base", **facts):
    """A run that recorded the prompts of its counselor."""
    folder = write(tmp_path, name, CLIENTS, cot)
    provenance = json.loads((folder / "provenance.json").read_text())
    if prompts:
        facts |= {"prompts": prompts.to_json()}
    write_json(folder / "provenance.json", provenance | {"cast": {"counselor": {"cot": cot, **facts}}})
    return folder


def trained(cot):
    template = PromptTemplate("response", TRAINED[cot])
    return PromptSet({"response": (CountedTemplate(template, 100),)}, {"response": 100})


def test_our_own_prompts_differ_as_their_variants_do_and_no_more(tmp_path):
    folders = [recorded(tmp_path, f"m-{cot}", own_prompts(cot), cot) for cot in VARIANTS]
    assert study(*folders).caveats() == []


def test_a_text_model_that_sees_no_face_is_asked_in_the_same_words(tmp_path):
    folders = [recorded(tmp_path, f"m-{face}", own_prompts("base", face)) for face in (True, False)]
    assert study(*folders).caveats() == []


def test_an_untuned_model_asked_with_our_prompts_differs_from_a_checkpoint_with_its_own(tmp_path):
    llava = recorded(tmp_path, "m-llava", own_prompts("base"), prompts_from="project")
    (told,) = study(llava, recorded(tmp_path, "m-mirror", trained("base"), prompts_from="checkpoint")).caveats()
    assert told.startswith(
        "llava and mirror were asked with different prompts (llava: project; mirror: checkpoint): the beginning of the "
        "response prompt is '<image> The image shows your client's face"
    ) or told.startswith(
        "llava and mirror were asked with different prompts (llava: project; mirror: checkpoint): the beginning of the "
        "response prompt is \"<image> The image shows your client's face"
    )
    assert "A photo of the person you talk to." in told


def test_a_checkpoint_of_another_variant_is_held_to_the_words_that_both_share(tmp_path):
    same = study(recorded(tmp_path, "t-base", trained("base")), recorded(tmp_path, "t-ec", trained("ec"), "ec"))
    assert same.caveats() == []
    other = study(recorded(tmp_path, "o-base", own_prompts("base")), recorded(tmp_path, "o-ec", trained("ec"), "ec"))
    assert "different prompts" in other.caveats()[0]


def test_the_same_digest_is_the_same_prompts_and_other_digests_alone_are_pointed_out(tmp_path):
    folders = [recorded(tmp_path, f"m-{n}", prompts_sha256=digest) for n, digest in ((1, "a"), (2, "a"), (3, "b"))]
    assert study(*folders).caveats() == [
        "1 and 3 were asked with different prompts: only their digests were recorded, and those differ."
    ]


def test_prompts_that_one_run_did_not_record_are_pointed_out(tmp_path):
    found = study(recorded(tmp_path, "m-a", own_prompts("base")), write(tmp_path, "m-b"))
    assert found.caveats() == ["The prompts of b were not recorded, so they may differ from those of a."]
    assert study(write(tmp_path, "n-a"), write(tmp_path, "n-b")).caveats() == []


@pytest.mark.parametrize(
    "one, other, part",
    [
        ("A {a} b {b} end", "A {a} b {b} end", None),
        ("A {a} b {b} end", "B {a} b {b} end", "the beginning"),
        ("A {a} b {b} end", "A {a} c {b} end", "the text before b"),
        ("A {a} b {b} end", "A {a} b {b} stop", "the end"),
        ("A {a} b {b} end", "A {b} b {a} end", "the order of the fields"),
        ("A\n- a: {a}\n- b: {b}\nend", "A\n- a: {a}\n- new: {x}\n- b: {b}\nend", None),
        ("A\n- a: {a}\n- b: {b}\nend", "A\n- a: {a}\n- new: {x}\n- bee: {b}\nend", "the text before b"),
        ("How?", "How?", None),
        ("How?", "What?", "the text"),
    ],
)
def test_templates_are_compared_in_what_they_share(one, other, part):
    found = differing_part(PromptTemplate("response", one), PromptTemplate("response", other))
    assert (found and found[0]) == part
