"""The painters and filters of a comparison, with the pocket models."""

from dataclasses import replace

import pytest

from mirror.painting.attempts import AttemptFile
from mirror.painting.casting import build_filters, build_painters
from mirror.painting.sitting import make_sittings
from mirror.painting.stopwatch import Stopwatch
from mirror.painting.studio import Studio
from mirror.transcripts.profile import read_profiles
from tests import ROOT
from tests.painted_comparisons import comparable, painted_by, settings

pytestmark = pytest.mark.slow
FAST = {"spacing": "trailing", "guidance_scale": 0.0, "merge_at": 0.0}
PAINTERS = {
    "1 step": {"steps": 1} | FAST,
    "2 steps": {"steps": 2} | FAST,
    "2 steps distilled": {"distilled": "pocket/models/sdxl-pocket-fast-lora.safetensors", "steps": 2} | FAST,
}


@pytest.fixture(scope="module")
def given():
    return settings(painters=PAINTERS, attempts=2)


@pytest.fixture(scope="module")
def filters(given):
    return build_filters(given)


@pytest.fixture(scope="module")
def painters(given, filters):
    return build_painters(given, filters)


@pytest.fixture(scope="module")
def sittings():
    profiles = read_profiles(ROOT / "pocket/data/test.csv", ROOT / "pocket/data/test_images")[:2]
    return make_sittings(profiles, ("sad", "surprised"), seed=1)


@pytest.fixture(scope="module")
def records(painters, filters, sittings, tmp_path_factory):
    file = AttemptFile(tmp_path_factory.mktemp("run"))
    return painted_by(Studio(file, painters, filters, sittings, 2, Stopwatch("cpu")))


def test_painters_that_differ_in_the_recipe_alone_share_their_weights(painters):
    one, two, distilled = painters
    assert one.model is two.model is not distilled.model
    assert [painter.facts()["evaluations"] for painter in painters] == [1, 2, 2]
    assert (one.facts()["distilled"], distilled.facts()["distilled_kind"]) == ("", "LoRA")


def test_a_face_does_not_depend_on_who_painted_before(painters, sittings):
    one, two, _ = painters
    asked = [sittings[0].request.painting(5)]
    (first,) = one.paint(asked)
    (alone,), (person,) = one.paint_without_person(asked), two.paint(asked)
    (again,) = one.paint(asked)
    assert again.tobytes() == first.tobytes()
    assert len({first.tobytes(), alone.tobytes(), person.tobytes()}) == 3
    (without_portrait,) = two.paint_without_person(asked)
    other = sittings[2].request.portraits
    (of_another,) = two.paint_without_person([type(asked[0])(asked[0].prompt, asked[0].negative_prompt, other, 5)])
    assert of_another.tobytes() == without_portrait.tobytes(), "the portrait shows in a face painted without it"


def test_batches_do_not_change_real_attempts(painters, filters, sittings, records, tmp_path):
    single = [replace(painter, batch=1) for painter in painters[2:]]
    again = painted_by(Studio(AttemptFile(tmp_path), single, filters, sittings, 2, Stopwatch("cpu")))
    assert comparable(again) == comparable(record for record in records if record.painter == "2 steps distilled")
    assert all(record.seconds > 0 for record in records)


def test_the_distilled_painter_paints_the_person_and_the_controls_do_not_pass(records):
    for record in records:
        if record.painter == "2 steps distilled" and record.number == 1:
            seen = record.examined
            assert seen.identity > seen.identity_threshold > max(seen.swapped, seen.without_person)
            assert seen.safety < 0.5
