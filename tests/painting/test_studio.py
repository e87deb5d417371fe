"""Every sitting of every painter is painted until it is accepted; what comes of it depends on no batch and no kill."""

import pytest
from PIL import Image

from mirror.faces.photomaker import PaintRecipe
from mirror.faces.rejection_sampling import PortraitUnusable, show_faces
from mirror.faces.verification import VerificationError
from mirror.painting.attempts import AttemptFile
from mirror.painting.casting import NamedPainter
from mirror.painting.sitting import make_sittings
from mirror.painting.stopwatch import Stopwatch
from mirror.painting.studio import Studio
from mirror.run_folder import RunConflict
from mirror.transcripts.profile import read_profiles
from tests import ROOT
from tests.painted_comparisons import Filters, Model, comparable, painted_by

POCKET = ROOT / "pocket/data"
RECIPES = {"slow": PaintRecipe(steps=6), "fast": PaintRecipe(steps=2)}


@pytest.fixture(scope="module")
def sittings():
    """Four clients with three expressions."""
    profiles = read_profiles(POCKET / "test.csv", POCKET / "test_images")[:4]
    return make_sittings(profiles, ("sad", "relieved", "looks away"), seed=7)


def studio(folder, sittings, batch=5, attempts=4, model=None, filters=None):
    model = model or Model()
    painters = [NamedPainter(name, model, recipe, batch) for name, recipe in RECIPES.items()]
    file = AttemptFile(folder).read()
    return Studio(file, painters, filters or Filters(), sittings, attempts, Stopwatch("cpu"))


@pytest.fixture(scope="module")
def painted(sittings, tmp_path_factory):
    """All attempts, and the folder that holds them."""
    folder = tmp_path_factory.mktemp("whole")
    return painted_by(studio(folder, sittings)), folder


def searches(records):
    found = {}
    for record in records:
        found.setdefault((record.painter, *record.key), []).append(record)
    return found


def test_searches_end_as_in_counseling(painted, sittings):
    """The same attempts with the same verdicts as `show_faces` makes of the same requests."""
    records, _ = painted
    found = searches(records)
    assert len(found) == 2 * len(sittings)
    for name, recipe in RECIPES.items():
        model = Model()
        model.recipe = recipe
        shown = show_faces(model, Filters(), [one.request for one in sittings], attempts=4)
        for sitting, face in zip(sittings, shown, strict=True):
            own = found[name, *sitting.key]
            assert [(one.number, one.seed, one.verdict) for one in own] == [
                (one.number, one.seed, one.verdict) for one in face.attempts
            ]
    assert {len(own) for own in found.values()} > {1, 4}, "some are accepted at once, and some never"


def test_painters_share_the_noise_of_client_expression_and_attempt(painted):
    records, _ = painted
    seeds = {}
    for record in records:
        seeds.setdefault((*record.key, record.number), set()).add(record.seed)
    assert all(len(of) == 1 for of in seeds.values()) and len(set.union(*seeds.values())) == len(seeds)


def test_every_safe_attempt_has_its_picture(painted):
    records, folder = painted
    for record in records:
        if record.verdict.outcome == "unsafe":
            assert record.file is None
        else:
            with Image.open(folder / record.file) as picture:
                assert picture.size == (8, 8)
    assert len({record.file for record in records}) > len(records) / 2
    assert {record.verdict.outcome for record in records} == {"accepted", "another_person", "unsafe"}


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_batches_change_nothing_but_the_seconds(painted, sittings, tmp_path, batch):
    records, folder = painted
    assert comparable(painted_by(studio(tmp_path, sittings, batch))) == comparable(records)
    assert pictures(tmp_path) == pictures(folder)


def pictures(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "faces").rglob("*.png")}


def test_painters_take_turns_and_batches_are_full(sittings, tmp_path):
    model = Model()
    here = studio(tmp_path, sittings, batch=5, model=model)
    order = []
    paint = here._take_turn
    here._take_turn = lambda painter, batch: order.append((painter.name, len(batch))) or paint(painter, batch)
    painted_by(here)
    assert order[:4] == [("slow", 5), ("fast", 5), ("fast", 5), ("slow", 5)]
    for name in RECIPES:
        sizes = [size for painter, size in order if painter == name]
        assert sizes[:2] == [5, 5] and sizes == sorted(sizes, reverse=True)


def test_each_attempt_is_painted_once_and_each_first_one_also_without_the_person(sittings, tmp_path):
    model = Model()
    records = painted_by(studio(tmp_path, sittings, model=model))
    wanted = {(RECIPES[one.painter].steps, one.seed, False) for one in records}
    wanted |= {(RECIPES[one.painter].steps, one.seed, True) for one in records if one.number == 1}
    seeds = {one.seed for one in records}
    found = {what: times for what, times in model.painted.items() if what[1] in seeds}  # the rest warms up
    assert found == dict.fromkeys(wanted, 1)
    assert sum(model.painted.values()) == len(wanted) + len(RECIPES)


def test_a_gpu_paints_no_other_sizes_of_batches_than_it_was_warmed_up_for(painted, sittings, tmp_path, monkeypatch):
    monkeypatch.setattr(Stopwatch, "unit", "GPU")
    model = Model()
    here = studio(tmp_path, sittings, batch=5, model=model)
    assert comparable(painted_by(here)) == comparable(painted[0])
    first = {size: model.batches.index(size) for size in set(model.batches)}
    assert all(model.batches[place : place + 2] == [size, size] for size, place in first.items()), "not warmed up"
    warmed = {size for _, size in here._warm}
    assert set(model.batches) == warmed and len(warmed) > 1


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.83, 0.999])
def test_a_killed_run_ends_with_the_same_rows(painted, sittings, tmp_path, share):
    """Whatever is on disk: lines up to a byte, and a picture behind which no line is."""
    records, _ = painted
    first = studio(tmp_path, sittings, batch=3)
    painted_by(first)
    path = tmp_path / "attempts.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    model = Model()
    assert comparable(painted_by(studio(tmp_path, sittings, batch=4, model=model))) == comparable(records)
    kept = content[: int(share * len(content))].count(b"\n")
    attempts = sum(times for (_, seed, alone), times in model.painted.items() if not alone and seed in seeds(records))
    assert attempts == len(records) - kept


def seeds(records):
    return {record.seed for record in records}


def test_an_interrupted_run_repeats_nothing(painted, sittings, tmp_path):
    class Stopping(Model):
        def paint(self, requests):
            if len(self.batches) == 9:
                raise KeyboardInterrupt
            return super().paint(requests)

    stopping, model = Stopping(), Model()
    with pytest.raises(KeyboardInterrupt):
        painted_by(studio(tmp_path, sittings, model=stopping))
    known = {(record.painter, record.seed) for of in AttemptFile(tmp_path).read().records.values() for record in of}
    assert known
    assert comparable(painted_by(studio(tmp_path, sittings, model=model))) == comparable(painted[0])
    steps = {name: recipe.steps for name, recipe in RECIPES.items()}
    assert not {(steps[name], seed, False) for name, seed in known} & model.painted.keys()


def test_a_picture_that_was_lost_is_painted_again(painted, sittings, tmp_path):
    records = painted_by(studio(tmp_path, sittings))
    rejected = next(one for one in records if one.file and not one.verdict.accepted and one.number == 1)
    (tmp_path / rejected.file).unlink()
    model = Model()
    again = painted_by(studio(tmp_path, sittings, model=model))
    assert comparable(again) == comparable(records) and (tmp_path / rejected.file).is_file()
    assert pictures(tmp_path) == pictures(painted[1])


def test_attempts_of_another_painter_are_refused(sittings, tmp_path):
    painted_by(studio(tmp_path, sittings))
    studio(tmp_path, sittings, batch=1).check()
    with pytest.raises(RunConflict, match="slow: client 60 was painted with other weights, filters or portraits"):
        studio(tmp_path, sittings, filters=Filters(accepted=9)).check()


def test_portraits_that_cannot_be_used_are_named_before_painting(sittings, tmp_path):
    pixel = sittings[0].portrait.getpixel((0, 0))
    named = {one.client for one in sittings if one.portrait.getpixel((0, 0)) == pixel}
    with pytest.raises(PortraitUnusable, match=f"{len(named)} clients cannot be painted .client 60: .*unpaintable"):
        studio(tmp_path, sittings, model=Model(unusable=[pixel])).check()
    blind = Filters()
    blind.identity.pack.portrait = lambda picture: ()
    with pytest.raises(PortraitUnusable, match="4 clients cannot be painted .client 60: the portrait shows no face"):
        studio(tmp_path, sittings, filters=blind).check()


def test_a_face_on_which_the_filters_fail_stops_the_run_after_its_batch(painted, sittings, tmp_path):
    class Failing(Filters):
        failed = False

        def verify(self, requests):
            found = super().verify(requests)
            if len(requests) > 1 and not self.failed:
                self.failed, found[1] = True, VerificationError("out of memory")
            return found

    with pytest.raises(VerificationError, match="slow, client 60, relieved: out of memory"):
        painted_by(studio(tmp_path, sittings, filters=Failing()))
    made = sum(map(len, AttemptFile(tmp_path).read().records.values()))
    assert made == 4
    assert comparable(painted_by(studio(tmp_path, sittings))) == comparable(painted[0])
