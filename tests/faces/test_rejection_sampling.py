"""Faces are painted until one is accepted; the search's result depends on nothing but the request and the seed."""

import hashlib
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.rejection_sampling import (
    FaceError,
    FaceRequest,
    FaceSearch,
    FacesExhausted,
    PortraitUnusable,
    ShownFace,
    show_faces,
    stream_faces,
)
from mirror.seeds import seed_for
from mirror.services.service import ServiceError
from mirror.transcripts.verdict import Check, Verdict

PORTRAIT = Image.new("RGB", (64, 64), "tan")
CHECKS = {"unsafe": "safe", "irrelevant": "relevant", "another_person": "same_person"}


def request(client="7", turn=3, cue="looks away", portraits=(PORTRAIT,), seed=0):
    return FaceRequest(client, turn, "Woman", cue, "averted gaze", "direct gaze", portraits, seed)


class Painter:
    """Paints the seed into the picture, so that a verifier may know which attempt it sees."""

    def __init__(self):
        self.batches = []

    batch_sizes = tuple(range(1, 65))

    def check(self, request):
        if "unpaintable" in request.prompt:
            raise ValueError("unpaintable")

    def paint(self, requests):
        self.batches.append(list(requests))
        return [Image.frombytes("RGB", (16, 1), hashlib.sha384(str(r.seed).encode()).digest()) for r in requests]


class Verifier:
    """Says of each attempt what a script says; `script[client]` is a list of outcomes, one an attempt."""

    def __init__(self, script, seed=0):
        self.script, self.seed = script, seed
        self.known = {
            hashlib.sha384(str(seed_for(seed, "face", client, 3, number + 1)).encode()).digest(): outcome
            for client, outcomes in script.items()
            for number, outcome in enumerate(outcomes)
        }

    def verify(self, requests):
        return [self.known[r.image.tobytes()] for r in requests]


def verdict(outcome, score=0.1):
    names = list(CHECKS.values())
    failed = names.index(CHECKS[outcome]) if outcome in CHECKS else 2
    checks = [Check(name=name, passed=True, score=0.5, threshold=0.2, model="m") for name in names[:failed]]
    if outcome in CHECKS:
        checks.append(Check(name=names[failed], passed=False, score=score, threshold=0.2, model="m"))
    return Verdict(outcome=outcome, checks=tuple(checks))


def shown(outcomes, **options):
    painter = Painter()
    (result,) = show_faces(painter, Verifier({"7": outcomes}), [request()], **options)
    return result, painter


def test_a_rejected_face_is_painted_again():
    result, painter = shown([verdict("another_person"), verdict("no_face"), verdict("accepted"), verdict("accepted")])
    assert [a.verdict.outcome for a in result.attempts] == ["another_person", "no_face", "accepted"]
    assert result.chosen is result.attempts[2] and result.image is result.attempts[2].image
    assert not result.exhausted and result.request.statement == "a facial photo with looks away"
    seeds = [r.seed for batch in painter.batches for r in batch]
    assert seeds == [a.seed for a in result.attempts] == [seed_for(0, "face", "7", 3, n) for n in (1, 2, 3)]
    assert len(set(seeds)) == 3


def test_ten_rejections_are_recorded_and_the_best_is_shown():
    outcomes = [verdict("irrelevant")] * 4 + [verdict("another_person", 0.15)] + [verdict("another_person")] * 5
    result, painter = shown(outcomes, ahead=1)
    assert isinstance(result, ShownFace) and result.exhausted
    assert len(result.attempts) == 10 and len(painter.batches) == 10
    assert result.chosen.number == 5


def test_attempts_are_as_many_as_set():
    result, painter = shown([verdict("irrelevant")] * 3, attempts=3)
    assert len(result.attempts) == len(painter.batches) == 3
    assert result.chosen.number == 1  # the earliest among equals


def test_with_the_policy_stop_exhaustion_is_an_error_with_its_attempts():
    result, _ = shown([verdict("irrelevant"), verdict("no_face")], attempts=2, on_exhaustion="stop")
    assert isinstance(result, FaceError)
    assert str(result) == "none of 2 faces was accepted (irrelevant, no_face)"
    assert [a.number for a in result.attempts] == [1, 2]


def test_an_unsafe_face_is_never_shown():
    result, _ = shown([verdict("unsafe", 0.9)] * 2 + [verdict("irrelevant")], attempts=3)
    assert result.chosen.number == 3
    result, _ = shown([verdict("unsafe", 0.9)] * 2, attempts=2)
    assert isinstance(result, FaceError) and len(result.attempts) == 2


def test_a_portrait_without_a_face_ends_the_search_at_once():
    result, painter = shown([verdict("no_face_in_portrait")] * 10)
    assert isinstance(result, FaceError) and "(no_face_in_portrait); give another one" in str(result)
    assert len(painter.batches) == 1


def test_a_service_that_fails_is_the_error_of_that_client_alone():
    down = ServiceError("http://x:1/verify: connection refused after 4 tries")
    script = {"7": [verdict("irrelevant"), down], "8": [verdict("irrelevant"), verdict("accepted")]}
    bad, good = show_faces(Painter(), Verifier(script), [request("7"), request("8")])
    assert isinstance(bad, FaceError) and "http://x:1/verify: connection refused" in str(bad)
    assert [a.number for a in bad.attempts] == [1]
    assert good.chosen.number == 2


def record(result):
    attempts = [(a.number, a.seed, a.verdict.outcome, a.image.tobytes()) for a in result.attempts]
    return attempts, str(result) if isinstance(result, FaceError) else (result.chosen.number, result.exhausted)


@pytest.mark.parametrize("ahead", [2, 3, 10])
def test_painting_ahead_changes_nothing_but_the_batches(ahead):
    accepted, no = verdict("accepted"), verdict("another_person")
    script = {
        "1": [no, accepted] + [accepted] * 8,  # a later accepted attempt of the same batch must not win
        "2": [accepted] * 10,
        "3": [no] * 10,
        "4": [no, no, no, no, accepted] + [no] * 5,
        "5": [verdict("unsafe", 0.9)] * 10,
    }
    requests = [request(client) for client in script]
    one = show_faces(Painter(), Verifier(script), requests)
    many = show_faces(Painter(), Verifier(script), requests, ahead=ahead)
    assert [record(r) for r in one] == [record(r) for r in many]
    alone = [show_faces(Painter(), Verifier(script), [r])[0] for r in requests]
    assert [record(r) for r in one] == [record(r) for r in alone]


def test_a_face_that_cannot_be_painted_is_the_error_of_that_client_alone():
    bad = FaceRequest("8", 3, "Man", "", "unpaintable", "", (PORTRAIT,))
    painter = Painter()
    one, other = show_faces(painter, Verifier({"7": [verdict("accepted")]}), [request(), bad])
    assert one.chosen.number == 1 and len(painter.batches[0]) == 1
    assert str(other) == "the face cannot be painted: unpaintable" and other.attempts == ()


@pytest.mark.parametrize("option", ["attempts", "ahead"])
def test_no_attempt_at_all_is_refused(option):
    with pytest.raises(ValueError, match="attempts must be 1 or more and ahead 0 or more"):
        shown([verdict("accepted")], **{option: -1})


def test_clients_are_painted_together_and_leave_when_they_are_done():
    script = {"1": [verdict("accepted")], "2": [verdict("irrelevant"), verdict("accepted")]}
    painter = Painter()
    show_faces(painter, Verifier(script), [request("1"), request("2")])
    assert [len(batch) for batch in painter.batches] == [2, 1]


def test_the_seed_is_of_run_client_turn_and_attempt():
    seeds = Counter(
        r.seed
        for run in (0, 1)
        for client in ("1", "2")
        for turn in (1, 2)
        for r in _painted(request(client, turn, seed=run))
    )
    assert len(seeds) == 2 * 2 * 2 * 3 and set(seeds.values()) == {1}


def _painted(face):
    class Never:
        def verify(self, requests):
            return [verdict("irrelevant") for _ in requests]

    painter = Painter()
    show_faces(painter, Never(), [face], attempts=3)
    return [r for batch in painter.batches for r in batch]


OUTCOMES = ("accepted", "unsafe", "irrelevant", "another_person", "no_face", "no_face_in_portrait")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(OUTCOMES), min_size=4, max_size=4), max_size=7),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from(["keep_best", "stop"]),
)
def test_a_stream_of_any_width_gives_the_same_faces(outcomes, width, ahead, attempts, policy):
    script = {str(n): [verdict(outcome) for outcome in each] for n, each in enumerate(outcomes)}
    requests = [request(client) for client in script]
    painter = Painter()
    options = (attempts, policy, width, ahead)
    found = list(stream_faces(painter, Verifier(script), iter(requests), *options))
    assert sorted(place for place, _ in found) == list(range(len(requests)))
    alone = [show_faces(Painter(), Verifier(script), [r], attempts, policy)[0] for r in requests]
    assert [record(dict(found)[place]) for place in range(len(requests))] == [record(r) for r in alone]
    assert [type(dict(found)[place]) for place in range(len(requests))] == [type(r) for r in alone]
    assert max(map(len, painter.batches), default=0) <= width


def test_a_stream_fills_every_batch_and_reads_no_request_early():
    no, yes = verdict("irrelevant"), verdict("accepted")
    script = {str(n): [no, no, yes] if n % 3 == 0 else [yes] for n in range(12)}
    painter, read = Painter(), []

    def requests():
        for client in script:
            read.append((client, len(painter.batches)))
            yield request(client)

    stream = stream_faces(painter, Verifier(script), requests(), width=4)
    assert next(stream)[0] == 1 and [client for client, _ in read] == ["0", "1", "2", "3"]
    assert sorted(place for place, _ in stream) == [0, *range(2, 12)]
    assert [len(batch) for batch in painter.batches] == [4, 4, 4, 4, 3, 1]


def test_whose_fault_it_is_that_there_is_no_face():
    script = {
        "1": [verdict("irrelevant")] * 2,
        "2": [verdict("no_face_in_portrait")],
        "3": [ServiceError("down")],
        "4": [verdict("unsafe", 0.9)] * 2,
    }
    found = show_faces(Painter(), Verifier(script), [request(client) for client in script], 2, "stop")
    assert [type(one) for one in found] == [FacesExhausted, PortraitUnusable, FaceError, FacesExhausted]
    (broken,) = show_faces(Painter(), Verifier({}), [FaceRequest("8", 3, "Man", "", "unpaintable", "", (PORTRAIT,))])
    assert type(broken) is PortraitUnusable


@pytest.mark.slow
def test_the_pocket_painter_shows_the_same_faces_in_any_batch():
    """The real painter's part: images, not only the order of attempts, are independent of batches."""
    painter = PhotoMaker.load(
        "pocket/models/sdxl-pocket",
        "pocket/models/photomaker-v1-pocket.bin",
        PaintRecipe(steps=2, guidance_scale=2.0, merge_step=0, size=32, output_size=24),
    )

    class Odd:
        """Accepts by the picture alone."""

        def verify(self, requests):
            return [verdict("accepted" if sum(r.image.tobytes()) % 3 == 0 else "irrelevant") for r in requests]

    requests = [request(str(n), seed=4) for n in range(5)]
    together = [record(r) for r in show_faces(painter, Odd(), requests, ahead=3, attempts=6)]
    alone = [record(show_faces(painter, Odd(), [r], attempts=6)[0]) for r in requests]
    assert together == alone
    assert len({len(attempts) for attempts, _ in together}) > 1  # the pictures did decide


class Turns:
    """A painter and a verifier that note when they begin; the verifier ends only when the painter has begun again."""

    batch_sizes = (1, 2)

    def __init__(self, batches):
        self.batches, self.painted, self.changed, self.order = batches, 0, threading.Condition(), []

    def check(self, request):
        pass

    def paint(self, requests):
        with self.changed:
            self.painted += 1
            self.order.append(f"paint {self.painted}")
            self.changed.notify_all()
        return [PORTRAIT for _ in requests]

    def verify(self, requests):
        with self.changed:
            batch = len([one for one in self.order if one.startswith("verify")]) + 1
            assert self.changed.wait_for(lambda: self.painted > batch or batch == self.batches, 20)
            self.order.append(f"verify {batch}")
        return [verdict("accepted") for _ in requests]


def test_a_batch_is_verified_while_the_next_one_is_painted():
    both = Turns(batches=3)
    found = show_faces(both, both, [request(str(n)) for n in range(6)])
    assert [face.chosen.number for face in found] == [1] * 6
    assert both.order.index("paint 2") < both.order.index("verify 1")
    assert both.order.index("paint 3") < both.order.index("verify 2")


def test_an_error_of_the_verifier_is_raised_and_its_thread_ends():
    class Broken:
        def verify(self, requests):
            raise RuntimeError("no GPU memory")

    with pytest.raises(RuntimeError, match="no GPU memory"):
        show_faces(Painter(), Broken(), [request()])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("verifier")]


def test_rejected_faces_are_painted_again_for_the_group_that_came_first():
    no, yes = verdict("irrelevant"), verdict("accepted")
    script = {"1": [no, no, yes], "2": [no, yes], "3": [no, yes]}
    painter = Painter()
    with FaceSearch(painter, Verifier(script), ahead=1) as search:
        for client, group in (("1", "first"), ("2", "first"), ("3", "second")):
            assert search.add(client, request(client), group=group) is None
        found = []
        while search.open:
            assert search.paint() or search.unsettled
            found += search.settle()
    assert found == ["2", "1", "3"]
    assert [len(batch) for batch in painter.batches] == [3, 2, 1, 1]


def test_attempts_fill_a_batch_once_many_have_been_rejected():
    no, yes = verdict("irrelevant"), verdict("accepted")
    script = {str(n): [no] * 9 + [yes] for n in range(3)}
    painter, other = Painter(), Painter()
    painter.batch_sizes = (1, 2, 4, 8)
    faces = [
        show_faces(p, Verifier(script), [request(str(n)) for n in range(3)], ahead=a)
        for p, a in ((painter, 0), (other, 1))
    ]
    assert [record(face) for face in faces[0]] == [record(face) for face in faces[1]]
    assert len(other.batches) == 10 > len(painter.batches) and max(map(len, painter.batches)) == 8
