"""Who works on a build, as its settings say; parts that do not fit are refused before anything is painted."""

import pytest

from mirror.building.casting import FaceTools, build_attributes, build_face_tools, build_risk_reader, build_writer
from mirror.building.settings import BuildSettings
from mirror.faces.attributes import AttributeVerifier
from mirror.faces.identity import FacePack
from mirror.faces.verification import LocalVerifier
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
