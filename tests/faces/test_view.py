"""What the counselor sees of a face, in each condition of a study."""

from dataclasses import replace

import pytest
from PIL import Image

from mirror.clients.lexicon import lexicon
from mirror.faces.rejection_sampling import Attempt, FaceRequest, PortraitUnusable, ShownFace
from mirror.faces.view import (
    GRAY,
    NeutralView,
    ShownView,
    SquareView,
    SwappedView,
    ViewRequest,
)
from mirror.files.image_file import PictureError
from mirror.prompts import Utterance
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Conversation
from mirror.transcripts.verdict import Verdict
from tests.donors import write_donors
from tests.sessions import CLIENT, full_turn

FACE = Image.new("RGB", (24, 24), (250, 200, 180))
PORTRAIT = Image.new("RGB", (8, 8))


def view_request(idx="1", number=1, cue="looks down", seed=5):
    face = FaceRequest(idx, number, "woman", "looks sad", "sad eyes", "smiling", (PORTRAIT,), seed)
    attempt = Attempt(1, 7, FACE, Verdict(outcome="accepted"))
    turns = tuple(full_turn(n) for n in range(1, number))
    conversation = Conversation(replace(CLIENT, idx=idx), turns, seed)
    return ViewRequest(conversation, Utterance(cue, "Fine."), ShownFace((attempt,), attempt, face))


def test_the_face_itself_is_no_condition():
    (seen,) = ShownView().see([view_request()])
    assert seen.image is FACE and (seen.condition, seen.words, seen.source) == (None, "", "")


def test_a_blank_face_is_a_gray_square_of_its_size_and_only_the_cue_is_read():
    (blank,) = SquareView("blank").see([view_request()])
    assert blank.image.size == FACE.size and blank.image.getcolors() == [(24 * 24, GRAY)]
    assert (blank.condition, blank.words) == ("blank", "")
    read, without_cue = SquareView("cue").see([view_request(), view_request(cue="")])
    assert read.image.getcolors() == [(24 * 24, GRAY)]
    assert (read.condition, read.words, without_cue.words) == ("cue", "looks down", "sad eyes")


class Studio:
    """Paints gray faces whose value is the number of the painting, and accepts all but those of client `bad`."""

    batch_sizes = (1, 2, 4, 8)

    def __init__(self):
        self.painted = []

    def check(self, request):
        if request.portraits[0].size == (1, 1):
            raise ValueError("no face in the portrait")

    def paint(self, requests):
        self.painted += requests
        return [Image.new("RGB", (4, 4), (request.seed % 251,) * 3) for request in requests]

    def verify(self, requests):
        return [Verdict(outcome="accepted") for _ in requests]


def test_a_calm_face_is_painted_once_a_client_and_is_the_same_in_every_turn_and_batch():
    studio = Studio()
    view = NeutralView(studio, studio)
    first = [view.see([view_request("1", n), view_request("2", n)]) for n in (1, 2)]
    assert len(studio.painted) == 2
    neutral = lexicon().neutral()
    assert neutral.shown in studio.painted[0].prompt and neutral.contrast in studio.painted[0].negative_prompt
    again = NeutralView(studio, studio)
    alone = [again.see([view_request("2", 2)])[0], again.see([view_request("1", 1)])[0]]
    assert [seen.image.getpixel((0, 0)) for seen in alone] == [
        first[1][1].image.getpixel((0, 0)),
        *{turn[0].image.getpixel((0, 0)) for turn in first},
    ]
    assert first[0][0].image.getpixel((0, 0)) != first[0][1].image.getpixel((0, 0))
    assert {seen.condition for turn in first for seen in turn} == {"neutral"}
    assert view.see([view_request("1", seed=6)])[0].image.getpixel((0, 0)) != first[0][0].image.getpixel((0, 0))


def test_a_client_whose_calm_face_cannot_be_painted_fails_alone():
    studio, good, bad = Studio(), view_request("1"), view_request("2")
    small = replace(bad.face.request, portraits=(Image.new("RGB", (1, 1)),))
    seen, failed = NeutralView(studio, studio).see([good, replace(bad, face=replace(bad.face, request=small))])
    assert seen.condition == "neutral" and isinstance(failed, PortraitUnusable)


@pytest.fixture
def donors(tmp_path):
    return write_donors(tmp_path / "results/shown")


def gray(seen):
    return seen.image.getpixel((0, 0))[0]


def test_a_swapped_face_is_another_clients_of_the_same_turn(donors):
    view = SwappedView(donors, seed=5)
    pairs = {}
    for idx in ("1", "2", "3", "4", "77"):
        seen = view.see([view_request(idx, number) for number in (1, 2, 3)])
        donor = gray(seen[0]) // 10
        assert str(donor) != idx and donor in (1, 2, 3)
        assert [gray(one) for one in seen] == [10 * donor + number for number in (1, 2, 3)]
        assert [one.source for one in seen] == [f"shown/{donor}/{number}" for number in (1, 2, 3)]
        pairs[idx] = donor
    assert sorted(pairs[idx] for idx in "123") == [1, 2, 3]  # a circle: every client's faces go to one other client
    assert {gray(view.see([view_request("1", number)])[0]) // 10 for number in (4, 9)} == {pairs["1"]}
    assert gray(view.see([view_request("1", 9)])[0]) % 10 == 3  # the last face of a shorter session


def test_who_is_swapped_depends_on_the_seed_alone(donors):
    orders = {
        seed: tuple(gray(SwappedView(donors, seed).see([view_request(idx)])[0]) // 10 for idx in "123")
        for seed in range(8)
    }
    assert set(orders.values()) == {(2, 3, 1), (3, 1, 2)}  # the two circles of three clients
    assert orders[3] == tuple(gray(SwappedView(donors, 3).see([view_request(idx)])[0]) // 10 for idx in "123")


def test_a_lost_face_fails_its_own_session(donors):
    view = SwappedView(donors, seed=5)
    donor = view.donor("1").folder
    (donor / "faces/01.png").unlink()
    lost, kept = view.see([view_request("1"), view_request(donor.name)])
    assert isinstance(lost, PictureError) and kept.condition == "swapped"


def test_what_the_record_of_a_run_says_changes_with_the_sessions(donors):
    facts = SwappedView(donors, 5).facts()
    assert facts["face"] == "swapped" and facts["faces_from"] == "shown"
    turn = full_turn(1)
    session = SessionFolder(donors / "sessions/9")
    session.begin(replace(CLIENT, idx="9"))
    session.append(turn, {file: FACE for file in turn.files}, {})
    session.end("complete", "")
    assert SwappedView(donors, 5).facts()["sessions_sha256"] != facts["sessions_sha256"]


@pytest.mark.parametrize("seed", range(4))
def test_no_client_gets_a_face_of_another_session_of_its_own(tmp_path, seed):
    run = write_donors(tmp_path / "shown")
    (run / "sessions/2").rename(run / "sessions/1+s2")
    view = SwappedView(run, seed)
    assert {session.folder.name for session in view.donors} == {"1", "1+s2", "3"}
    assert view.donor("1").folder.name == "3" and view.donor("3").folder.name in ("1", "1+s2")
