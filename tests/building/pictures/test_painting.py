"""The pictures of dialogues: the same on disk in any batch, order and number of starts, and nothing asked twice."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mirror.building.pictures import PicturesMissing
from mirror.building.pictures.journal import PICTURES, PictureRecord
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.verification import LocalVerifier
from mirror.files.json_lines import read_lines
from mirror.seeds import seed_for
from tests import ROOT
from tests.painted_dialogues import Describer, Painter, Verifier, files, pictures, screenplay

POLICIES = ("drop_dialogue", "drop_turn", "keep_best")


@pytest.fixture
def plays(tmp_path):
    return [screenplay(number, tmp_path / "portraits") for number in range(6)]


def records(folder, play):
    return read_lines(folder / play.idx / PICTURES, PictureRecord)


def shown(result):
    return [(one.idx, sorted(one.pictures)) for one in result.kept], result.dropped


def test_every_line_that_is_answered_gets_the_picture_of_its_first_accepted_attempt(tmp_path, plays):
    painter = Painter()
    made = pictures(tmp_path / "p", painter=painter, on_exhaustion="drop_turn").make(plays[:2])
    assert [one.idx for one in made.kept] == [one.idx for one in plays[:2]]
    for play in made.kept:
        for record in records(tmp_path / "p", play):
            seeds = [seed_for(4, "face", play.idx, record.line, n) for n in range(1, len(record.attempts) + 1)]
            assert [one.seed for one in record.attempts] == seeds
            assert [one.verdict.accepted for one in record.attempts[:-1]] == [False] * (len(seeds) - 1)
            assert (record.line in play.pictures) == record.attempts[-1].verdict.accepted
            if record.line in play.pictures:
                assert play.pictures[record.line] == tmp_path / "p" / play.idx / f"{record.line}.png"
                assert record.prompt.startswith(f"a woman img, face of {play.lines[record.line].words}")
                assert record.negative_prompt.endswith("missing limbs") and "joy" in record.negative_prompt
                assert record.statement == "a facial photo with looks away"
    assert set(painter.painted.values()) == {1}


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(POLICIES), st.integers(0, 12), st.integers(1, 9), st.integers(1, 4), st.randoms(), st.integers(1, 5)
)
def test_batches_and_order_change_nothing(policy, accepted, width, attempts, order, concurrency):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plays = [screenplay(number, folder / "portraits", turns=number + 1) for number in range(4)]
        options = {"on_exhaustion": policy, "attempts": attempts, "verifier": Verifier(accepted)}
        one = pictures(folder / "one", width=1, **options).make(plays)
        shuffled = order.sample(plays, len(plays))
        many = pictures(folder / "many", width=width, concurrency=concurrency, **options).make(shuffled)
        assert files(folder / "one") == files(folder / "many")
        assert sorted(shown(one)[0]) == sorted(shown(many)[0])
        assert sorted(map(str, one.dropped)) == sorted(map(str, many.dropped))


def test_a_dialogue_is_dropped_for_its_first_line_without_a_face(tmp_path, plays):
    options = {"verifier": Verifier(accepted=5)}
    whole = pictures(tmp_path / "turns", on_exhaustion="drop_turn", **options).make(plays)
    turns = [drop for drop in whole.dropped if drop.what == "turn"]
    made = pictures(tmp_path / "p", on_exhaustion="drop_dialogue", width=5, **options).make(plays)
    first = {drop.idx: drop.line for drop in reversed(turns)}
    assert {drop.idx: drop.line for drop in made.dropped} == first and first
    assert {(drop.step, drop.what, drop.reason) for drop in made.dropped} == {("picture", "dialogue", "no_face")}
    assert "none of 3 faces was accepted (" in made.dropped[0].detail
    for play in plays:
        lines = [line for line in play.client_lines if line <= first.get(play.idx, 99)]
        assert [record.line for record in records(tmp_path / "p", play)] == lines


def test_the_best_safe_face_is_kept_or_the_turn_dropped(tmp_path, plays):
    made = pictures(tmp_path, verifier=Verifier(accepted=0, unsafe=8), on_exhaustion="keep_best").make(plays)
    for play in made.kept:
        for record in records(tmp_path, play):
            safe = [one.number for one in record.attempts if one.verdict.outcome != "unsafe"]
            assert record.exhausted and record.chosen == (safe[0] if safe else None)
            assert (record.line in play.pictures) == bool(safe)
    unsafe = [drop for drop in made.dropped if drop.what == "turn"]
    assert unsafe and all(drop.detail == "none of 3 faces was safe (unsafe, unsafe, unsafe)" for drop in unsafe)


def test_a_dialogue_without_any_picture_is_dropped(tmp_path, plays):
    made = pictures(tmp_path, verifier=Verifier(accepted=0), on_exhaustion="drop_turn").make(plays[:1])
    assert [(drop.line, drop.what, drop.reason) for drop in made.dropped] == [
        (0, "turn", "no_face"), (2, "turn", "no_face"), (4, "turn", "no_face"), (None, "dialogue", "no_pictures"),
    ]  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
def test_a_portrait_that_cannot_be_used_drops_its_dialogue_alone(tmp_path, plays, policy):
    plays[1].portrait.files[0].write_bytes(b"no picture")
    plays[2].portrait.files[0].unlink()
    plays[3] = replace(plays[3], portrait=None)
    painter = Painter()
    options = {"on_exhaustion": policy, "verifier": Verifier(accepted=16)}
    made = pictures(tmp_path / "p", painter=painter, **options).make(plays)
    assert [(drop.idx, drop.line, drop.reason) for drop in made.dropped] == [
        (plays[1].idx, 0, "portrait_unusable"),
        (plays[2].idx, 0, "portrait_unusable"),
        (plays[3].idx, None, "no_portrait"),
    ]
    assert len(made.kept) == 3 and painter.painted.total() == 9
    Image.new("RGB", (64, 64)).save(plays[2].portrait.files[0])
    again = pictures(tmp_path / "p", painter=painter, **options).make(plays)
    assert len(again.kept) == 4 and painter.painted.total() == 12


def test_a_fault_of_a_service_is_no_drop(tmp_path, plays):
    words = plays[1].lines[2].words
    describer, painter = Describer([words]), Painter()
    with pytest.raises(PicturesMissing) as error:
        pictures(tmp_path / "p", describer=describer, painter=painter).make(plays)
    assert str(error.value).startswith(f"1 dialogues lack pictures:\n{plays[1].idx}, line 2: no answer to {words}\n")
    describer.fails.clear()
    found = pictures(tmp_path / "p", describer=describer, painter=painter).make(plays)
    assert {count for asked, count in describer.asked.items() if asked != words} == {1}
    assert set(painter.painted.values()) == {1}
    assert found == replace_folder(pictures(tmp_path / "q").make(plays), tmp_path / "q", tmp_path / "p")
    assert files(tmp_path / "p") == files(tmp_path / "q")


def replace_folder(sifted, old, new):
    moved = [
        replace(one, pictures={line: new / path.relative_to(old) for line, path in one.pictures.items()})
        for one in sifted.kept
    ]
    return replace(sifted, kept=tuple(moved))


def test_a_filter_that_is_down_stops_the_step_and_leaves_no_record(tmp_path, plays):
    verifier, painter = Verifier(broken=["a facial photo with looks away"]), Painter()
    with pytest.raises(PicturesMissing, match="6 dialogues lack pictures:\n(.|\n)*could not be verified: the filter"):
        pictures(tmp_path / "p", verifier=verifier, painter=painter, width=1).make(plays)
    assert painter.painted.total() == 5  # patience
    pictures(tmp_path / "p").make(plays)
    pictures(tmp_path / "q").make(plays)
    assert files(tmp_path / "p") == files(tmp_path / "q")


def test_a_describer_that_raises_is_asked_no_more_after_a_while(tmp_path, plays):
    class Broken(Describer):
        def _answer(self, request):
            self.asked["all"] += 1
            raise RuntimeError("out of order")

    describer = Broken()
    with pytest.raises(PicturesMissing, match="out of order"):
        pictures(tmp_path, describer=describer, concurrency=1).make(plays)
    assert describer.asked["all"] < 9


def test_a_description_that_cannot_be_saved_is_named(tmp_path, plays):
    class Half(Describer):
        def _answer(self, request):
            found = super()._answer(request)
            return found.model_copy(update={"response": "\ud83d"}) if "2 of 1" in request.utterance.words else found

    with pytest.raises(PicturesMissing, match=f"{plays[1].idx}, line 4: the description holds half a character"):
        pictures(tmp_path, describer=Half()).make(plays)


def test_a_second_start_asks_for_nothing(tmp_path, plays):
    one = pictures(tmp_path / "p").make(plays)
    before = files(tmp_path / "p")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "p").rglob("*.*")}
    describer, painter = Describer(), Painter()
    assert pictures(tmp_path / "p", describer=describer, painter=painter).make(plays) == one
    assert not describer.asked and not painter.painted and files(tmp_path / "p") == before
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "p").rglob("*.*")}


def test_what_is_lost_or_changed_is_painted_again(tmp_path, plays):
    options = {"verifier": Verifier(accepted=16)}
    pictures(tmp_path / "p", **options).make(plays)
    before = files(tmp_path / "p")
    (tmp_path / "p" / plays[0].idx / "2.png").unlink()
    (tmp_path / "p" / plays[1].idx / "0.png").write_bytes(b"other")
    (tmp_path / "p" / plays[1].idx / "9.png").write_bytes(b"of no line")
    journal = tmp_path / "p" / plays[2].idx / PICTURES
    journal.write_bytes(journal.read_bytes()[:-9])  # an interrupted write
    painter = Painter()
    pictures(tmp_path / "p", painter=painter, **options).make(plays)
    assert painter.painted.total() == 3 and files(tmp_path / "p") == before


def test_other_texts_portraits_and_settings_are_other_pictures(tmp_path, plays):
    options = {"verifier": Verifier(accepted=16)}
    pictures(tmp_path / "p", **options).make(plays)
    lines = list(plays[0].lines)
    lines[4] = replace(lines[4], words="something else")
    Image.new("RGB", (64, 64), "black").save(plays[1].portrait.files[0])
    changed = [replace(plays[0], lines=tuple(lines)), *plays[1:]]
    painter, describer = Painter(), Describer()
    pictures(tmp_path / "p", painter=painter, describer=describer, **options).make(changed)
    assert list(describer.asked) == ["something else"] and painter.painted.total() == 1 + 3
    for seed, verifier in ((5, Verifier(accepted=16)), (5, Verifier(accepted=15))):
        painter = Painter()
        pictures(tmp_path / "p", painter=painter, verifier=verifier, seed=seed).make(changed)
        assert painter.painted.total() >= 18
    pictures(tmp_path / "q", seed=5, verifier=Verifier(accepted=15)).make(changed)
    assert files(tmp_path / "p") == files(tmp_path / "q")


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in POLICIES for b in POLICIES if a != b])
def test_another_policy_keeps_what_it_can_and_ends_as_if_it_were_the_first(tmp_path, plays, before, after):
    options = {"verifier": Verifier(accepted=4)}
    pictures(tmp_path / "p", on_exhaustion=before, **options).make(plays)
    pictures(tmp_path / "p", on_exhaustion=after, **options).make(plays)
    pictures(tmp_path / "q", on_exhaustion=after, **options).make(plays)
    assert files(tmp_path / "p") == files(tmp_path / "q")


def test_shares_make_together_what_one_process_makes(tmp_path, plays):
    whole = pictures(tmp_path / "whole").make(plays)
    parts = [pictures(tmp_path / "shared", share=(k, 3)).make(plays) for k in (2, 3, 1)]
    assert sorted(one.idx for part in parts for one in part.kept) == sorted(one.idx for one in whole.kept)
    assert files(tmp_path / "whole") == files(tmp_path / "shared")
    painter = Painter()
    found = pictures(tmp_path / "shared", painter=painter).make(plays)
    assert shown(found) == shown(whole) and not painter.painted


def test_own_pictures_pass_untouched(tmp_path, plays):
    own = replace(plays[0], pictures={0: tmp_path / "own.png"})
    silent = replace(plays[1], lines=(), portrait=None)
    painter = Painter()
    assert pictures(tmp_path / "p", painter=painter).make([own, silent]).kept == (own, silent)
    assert not painter.painted


def test_a_dialogue_that_another_process_works_on_is_named(tmp_path, plays):
    code = (
        "import sys,pathlib\nfrom mirror.files.lock import locked\nwith locked(pathlib.Path(sys.argv[1]), 'painting'):"
    )
    code += "\n print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "p" / plays[3].idx)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(PicturesMissing, match=f"1 dialogues lack pictures:\n{plays[3].idx}: .* is in use by"):
            pictures(tmp_path / "p").make(plays)
        other.stdin.close()
    pictures(tmp_path / "p").make(plays)
    pictures(tmp_path / "q").make(plays)
    assert files(tmp_path / "p") == files(tmp_path / "q")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a\0b"])
def test_an_idx_names_a_folder(tmp_path, plays, name):
    with pytest.raises(ValueError, match="names no folder"):
        pictures(tmp_path).make([replace(plays[0], idx=name)])
    with pytest.raises(ValueError, match="is there twice"):
        pictures(tmp_path).make([plays[0], plays[0]])


@pytest.mark.parametrize("options", [{"attempts": 0}, {"width": 0}, {"share": (3, 2)}, {"share": (0, 2)}])
def test_numbers_out_of_range_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="must be 1 or more, found"):
        pictures(tmp_path, **options)


def test_several_dialogues_are_painted_in_full_batches(tmp_path, plays):
    painter = Painter()
    pictures(tmp_path, painter=painter, width=4, on_exhaustion="drop_turn").make(plays)
    assert set(painter.batches[:-3]) == {4}


@pytest.mark.slow
@pytest.mark.proof
def test_a_killed_build_ends_with_the_same_files(tmp_path, plays):
    command = [sys.executable, "-m", "tests.painted_dialogues", str(tmp_path), str(tmp_path / "portraits")]
    places = ["1", "2", "3", "5", "8", "13", "4", "9", "10", "11"]  # 66 writes: through the descriptions, into pictures
    told = subprocess.run([*command, *places], check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
    assert told == ["-9"] * 20
    for policy in ("drop_dialogue", "keep_best"):
        describer, painter, whole = Describer(), Painter(), Painter()
        made = pictures(tmp_path / policy, describer=describer, painter=painter, on_exhaustion=policy).make(plays)
        assert shown(made) == shown(pictures(tmp_path / "q", painter=whole, on_exhaustion=policy).make(plays))
        assert files(tmp_path / policy) == files(tmp_path / "q")
        assert painter.painted.total() < whole.painted.total() and not describer.asked
        shutil.rmtree(tmp_path / "q")


@pytest.mark.slow
def test_the_pocket_models_make_pictures(tmp_path):
    """The real painter and filters: written, found again, and the same in another batch."""
    recipe = PaintRecipe(steps=2, guidance_scale=1.5, merge_step=0, size=32, output_size=24)
    painter = PhotoMaker.load("pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin", recipe)
    verifier = LocalVerifier.load(
        "pocket/models/nsfw-pocket", "pocket/models/clip-pocket", "pocket/models/faces-pocket"
    )
    plays = [screenplay(number, tmp_path / "portraits", turns=2) for number in range(2)]
    members = {"painter": painter, "verifier": verifier, "attempts": 2, "on_exhaustion": "keep_best"}
    one = pictures(tmp_path / "one", width=1, **members).make(plays)
    pictures(tmp_path / "many", width=5, **members).make(plays[::-1])
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert len(one.kept) + len(one.dropped) >= 2
