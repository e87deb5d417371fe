"""Who works on a build, as its settings say; parts that do not fit are refused before anything is painted."""

import pytest

from mirror.building import casting
from mirror.building.casting import (
    FaceTools,
    build_attributes,
    build_face_tools,
    build_risk_reader,
    build_writer,
    plan_memory,
    smaller_plans,
)
from mirror.building.settings import BuildSettings
from mirror.faces.attributes import AttributeVerifier
from mirror.faces.identity import FacePack
from mirror.faces.verification import LocalVerifier
from mirror.models.memory.plan import DoesNotFit, Part
from mirror.risk.lexicon import RiskLexicon
from tests import DATA, ROOT

TINY = {
    "painter": str(DATA / "photomaker-tiny/sdxl-tiny"),
    "adapter": str(DATA / "photomaker-tiny/photomaker-v1.bin"),
}


def settings(**changes):
    return BuildSettings.from_file(ROOT / "params/build/pocket.yaml", False, **changes)


@pytest.fixture(scope="module")
def attributes():
    return build_attributes(settings())


def test_the_writer_has_the_sampling_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    sampling = {"writer_temperature": 0.1, "writer_top_p": 0.2, "writer_max_tokens": 3}
    sampling |= {"writer_frequency_penalty": 0.4, "writer_presence_penalty": 0.5, "seed": 9, "concurrency": 2}
    found = build_writer(settings(source="profiles", writer_model="w", **sampling), tmp_path)
    assert found.endpoint.name == "w" and (found.run_seed, found.concurrency) == (9, 2)
    assert found.endpoint.sampling == {
        "temperature": 0.1, "top_p": 0.2, "max_tokens": 3, "frequency_penalty": 0.4, "presence_penalty": 0.5,
    }  # fmt: skip
    same = "Client: [nods] A.\nClient: [sighs] B.\nTherapist: C."
    assert len(found.parse(same)) == 2
    refusing = build_writer(settings(source="profiles", writer_model="w", on_same_speaker="drop"), tmp_path)
    with pytest.raises(ValueError, match="twice in a row"):
        refusing.parse(same)


def test_risk_is_read_by_what_is_named():
    assert isinstance(build_risk_reader(settings()), RiskLexicon)
    assert build_risk_reader(settings(text_safety="none")) is None
    with pytest.raises(FileNotFoundError):
        build_risk_reader(settings(text_safety="classifier", text_safety_model="./none", unsafe_labels="a"))


def test_gender_and_age_are_compared_where_that_is_asked_for(attributes):
    found = build_face_tools(settings(), attributes)
    assert isinstance(found.verifier, AttributeVerifier) and isinstance(found.verifier.verifier, LocalVerifier)
    assert (found.verifier.same_gender, found.verifier.age_gap) == (True, 10)
    assert found.facts()["verifier"]["attributes"]["age_gap"] == 10 and found.facts().keys() == set(FaceTools._fields)


@pytest.mark.parametrize("changes", [{"same_gender": False}, {"age_gap": 0}, {"same_gender": False, "age_gap": 0}])
def test_a_filter_of_faces_can_be_switched_off(changes, attributes):
    found = build_face_tools(settings(**TINY, image_size=64, face_size=64, **changes), attributes)
    both = changes.keys() == {"same_gender", "age_gap"}
    assert isinstance(found.verifier, LocalVerifier if both else AttributeVerifier)


def test_photomaker_v2_with_embeddings_of_another_width_is_refused_at_once(attributes, monkeypatch):
    wrong = TINY | {"adapter": str(DATA / "photomaker-tiny/photomaker-v2.bin"), "image_size": 64, "face_size": 64}
    assert build_face_tools(settings(**wrong), attributes).painter.facts()["version"] == 2  # the right width
    monkeypatch.setattr(FacePack, "width", 128)
    with pytest.raises(
        ValueError, match=r"reads face embeddings of \d+ numbers, and the pack gives 128; take the pack"
    ):
        build_face_tools(settings(**wrong), attributes)


# Memory ---------------------------------------------------------------------------------------------------------------


def card(monkeypatch, size, host=64):
    """A GPU and a machine of so many bytes, as far as a plan is concerned."""
    monkeypatch.setattr(casting, "device_name", lambda device: "a card")
    monkeypatch.setattr(casting, "available_memory", lambda device: round(size * 1e9))
    monkeypatch.setattr(casting, "machine_memory", lambda: round(host * 1e9))


def published_parts(settings, device, dtype, wanted):
    """About what the published models need, in bytes: Llama-3-8B, SDXL with PhotoMaker, the filters."""
    of_prompt, of_picture = 600_000_000, 900_000_000
    return [
        Part("describer", 16_100_000_000, work=of_prompt * settings.concurrency),
        Part("painter", 7_600_000_000, work=2_700_000_000 + of_picture * wanted),
        Part("filters", 1_300_000_000),
    ]


@pytest.mark.parametrize(
    ("size", "resting"), [(80, set()), (46, set()), (40, {"describer", "painter"}), (25, {"describer", "painter"})]
)
def test_describer_and_painter_take_turns_where_the_card_does_not_hold_both(size, resting, monkeypatch):
    card(monkeypatch, size)
    monkeypatch.setattr(casting, "face_parts", published_parts)
    found = plan_memory(settings(paint_batch=8, concurrency=8))
    assert (found.resting, found.fits) == (resting, True)


def test_a_build_that_does_not_fit_is_refused_before_a_model_loads_with_what_would_fit(attributes, monkeypatch):
    card(monkeypatch, 22)
    monkeypatch.setattr(casting, "face_parts", published_parts)
    monkeypatch.setattr(casting, "build_verifier", None)  # would be called first
    with pytest.raises(DoesNotFit, match="with concurrency 4, offload all it needs 20.8 GB and fits"):
        build_face_tools(settings(paint_batch=8, concurrency=8), attributes)
    tried = [
        (changes.get("paint_batch", 4), changes.get("concurrency", 2))
        for changes, _ in smaller_plans(settings(paint_batch=4, concurrency=2))
    ]
    assert tried == [(4, 2), (4, 1), (2, 2), (2, 1), (1, 2), (1, 1)]


def test_describer_and_painter_join_the_rotation_of_the_plan(attributes, monkeypatch):
    joined = []
    card(monkeypatch, 25)
    monkeypatch.setattr(casting, "face_parts", published_parts)
    monkeypatch.setattr(casting, "build_painter", lambda *arguments: joined.append(arguments[-1]))
    monkeypatch.setattr(casting, "build_describer", lambda *arguments: joined.append(arguments[-1]))
    build_face_tools(settings(), attributes)
    assert joined[0] is joined[1] and joined[0].resting == {"describer", "painter"}


def test_sizes_that_are_not_known_are_downloaded_before_anything_is_planned(attributes, monkeypatch):
    asked = []
    monkeypatch.setattr(casting, "download_faces", lambda settings, dtype, roles: asked.append(roles))
    monkeypatch.setattr(casting, "build_describer", lambda *arguments: None)
    build_face_tools(settings(describer="local", describer_model="owner/never-here"), attributes)
    assert asked == [["describer"]]
