"""The pictures of one dialogue: what is asked, which answers on disk still stand, and what comes of them."""

from dataclasses import replace

import pytest
from PIL import Image

from mirror.building.pictures.dialogue import Dialogue, Method, determining
from mirror.building.pictures.painted import Painted
from mirror.faces.description import Description
from mirror.faces.rejection_sampling import Attempt, FacesExhausted, PortraitUnusable, ShownFace
from mirror.files.lock import FolderInUse
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.verdict import Verdict
from tests.painted_dialogues import screenplay


def test_the_machine_does_not_determine_a_picture():
    one = {"model": "m", "device": "cuda", "identity": {"threshold": 0.3, "providers": ["CUDA"]}}
    other = {"url": "http://x", "service": {"name": "v", "code": "abc", "facts": one | {"device": "cpu"}}}
    assert determining(one) == determining(other) == {"model": "m", "identity": {"threshold": 0.3}}


METHOD = Method({"describer": "fast"}, {"painter": "fast"}, seed=4, attempts=2, on_exhaustion="drop_turn")
ACCEPTED, REJECTED, UNSAFE = (Verdict(outcome=outcome) for outcome in ("accepted", "irrelevant", "unsafe"))
FACE = Image.new("RGB", (8, 8), "tan")


@pytest.fixture
def play(tmp_path):
    return screenplay(1, tmp_path / "portraits")


@pytest.fixture
def opened(tmp_path, play):
    def opened(play=play, **changes):
        portrait = changes.pop("portrait", play.portrait)
        return Dialogue(play, portrait, tmp_path / "p", replace(METHOD, **changes)).load()

    return opened


def described(dialogue):
    for line in dialogue.undescribed():
        dialogue.describe(line, Description(expression=f"face {line}", contrast="joy", response="", model="fast"))
    return dialogue


def shown(*verdicts):
    """The outcome of so many attempts: the first accepted one, or the first safe one of those that exhausted them."""
    attempts = [Attempt(number, 7, FACE, verdict) for number, verdict in enumerate(verdicts, 1)]
    chosen = next((one for one in attempts if one.verdict.accepted), None)
    best = chosen or next((one for one in attempts if one.verdict.outcome != "unsafe"), None)
    if best is None:
        return Painted.of(FacesExhausted("none", attempts))
    return Painted.of(ShownFace(tuple(attempts), best, request=None))


def test_the_describer_reads_what_was_said_before_and_the_line_itself(opened, play):
    dialogue = opened()
    asked = dialogue.description_request(2)
    assert asked.utterance == Utterance("looks away", "client 1 of 1")
    assert asked.history == "Client: client 0 of 1\nTherapist: therapist 0 of 1"
    assert asked.seed == seed_for(4, "description", play.idx, 2)
    assert dialogue.description_request(0).history == ""


def test_descriptions_stand_while_neither_text_nor_describer_changes(opened, play):
    described(opened())
    assert opened().undescribed() == []
    assert opened(describer={"describer": "other"}).undescribed() == opened(seed=5).undescribed() == [0, 2, 4]
    lines = (*play.lines[:2], replace(play.lines[2], words="Else."), *play.lines[3:])
    assert opened(replace(play, lines=lines)).undescribed() == [2, 4], "later lines were described from what was said"


def test_a_face_is_asked_for_by_description_cue_and_the_portraits_gender(opened, play):
    dialogue = described(opened())
    request = dialogue.request(2)
    assert (request.client, request.turn, request.gender, request.seed) == (play.idx, 2, "woman", 4)
    assert (request.expression, request.contrast, request.relevance_text) == ("face 2", "joy", "looks away")
    assert [portrait.size for portrait in request.portraits] == [(64, 64)]
    unknown = opened(portrait=replace(play.portrait, gender=""))
    assert unknown.request(2).gender == ""


def test_all_lines_painted_are_kept_with_their_pictures(opened, tmp_path):
    dialogue = described(opened())
    assert list(dialogue.unpainted()) == [0, 2, 4] and dialogue.settle() is None
    for line in (4, 0, 2):
        dialogue.keep(line, shown(REJECTED, ACCEPTED))
    assert list(dialogue.unpainted()) == []
    assert dialogue.settled() is None, "the journal is in the order in which the answers came"
    fate = dialogue.settle()
    assert fate.dropped == () and fate.kept.pictures == {line: tmp_path / f"p/{line}.png" for line in (0, 2, 4)}
    assert opened().settled() == fate


@pytest.mark.parametrize(
    ("policy", "verdicts", "pictures", "detail"),
    [
        ("drop_turn", (REJECTED, REJECTED), [0, 4], "none of 2 faces was accepted (irrelevant, irrelevant)"),
        ("keep_best", (UNSAFE, REJECTED), [0, 2, 4], None),
        ("keep_best", (UNSAFE, UNSAFE), [0, 4], "none of 2 faces was safe (unsafe, unsafe)"),
        ("drop_dialogue", (REJECTED, UNSAFE), None, "none of 2 faces was accepted (irrelevant, unsafe)"),
    ],
)
def test_a_line_without_an_accepted_face_is_treated_as_the_policy_says(policy, verdicts, pictures, detail, opened):
    dialogue = described(opened(on_exhaustion=policy))
    for line, given in ((0, (ACCEPTED,)), (2, verdicts), (4, (ACCEPTED,))):
        dialogue.keep(line, shown(*given))
    fate = dialogue.settle()
    assert (fate.kept and sorted(fate.kept.pictures)) == pictures
    assert [(one.line, one.reason, one.detail) for one in fate.dropped] == [(2, "no_face", detail)] * bool(detail)


def test_nothing_is_painted_after_a_line_that_the_dialogue_is_dropped_for(opened, tmp_path):
    dialogue = described(opened(on_exhaustion="drop_dialogue"))
    dialogue.keep(4, shown(ACCEPTED))
    dialogue.keep(2, shown(REJECTED, REJECTED))
    assert list(dialogue.unpainted()) == [0]
    assert list(opened(on_exhaustion="drop_dialogue").unpainted()) == [0], "also after another start"
    dialogue.keep(0, shown(ACCEPTED))
    assert dialogue.settle().kept is None
    assert sorted(path.name for path in (tmp_path / "p").glob("*.png")) == ["0.png"]


def test_a_dialogue_without_any_picture_is_dropped_after_its_turns(opened):
    dialogue = described(opened())
    for line in (0, 2, 4):
        dialogue.keep(line, shown(UNSAFE, UNSAFE))
    fate = dialogue.settle()
    assert fate.kept is None and [one.reason for one in fate.dropped] == ["no_face"] * 3 + ["no_pictures"]
    assert fate.dropped[-1].detail == "none of its 3 lines of the client has a picture"


@pytest.mark.parametrize(
    ("changes", "open_"),
    [
        ({}, []),
        ({"attempts": 3}, [2]),
        ({"attempts": 1}, [0, 2]),
        ({"painter": {"painter": "other"}}, [0, 2, 4]),
        ({"on_exhaustion": "keep_best"}, []),
    ],
)
def test_faces_stand_while_the_method_would_give_the_same(changes, open_, opened):
    dialogue = described(opened())
    for line, verdicts in ((0, (REJECTED, ACCEPTED)), (2, (UNSAFE, UNSAFE)), (4, (ACCEPTED,))):
        dialogue.keep(line, shown(*verdicts))
    assert list(opened(**changes).unpainted()) == open_


def test_another_or_a_broken_portrait_is_another_face(opened, play):
    dialogue = described(opened())
    for line in (0, 2, 4):
        dialogue.keep(line, shown(ACCEPTED))
    file = play.portrait.files[0]
    assert list(opened(portrait=replace(play.portrait, name="renamed")).unpainted()) == []
    file.write_bytes(b"no picture")
    again = opened()
    assert list(again.unpainted()) == [0, 2, 4]
    with pytest.raises(PortraitUnusable, match="the face cannot be painted: .*000001.png"):
        again.request(0)
    again.keep(0, Painted.of(PortraitUnusable("it cannot be read", [])))
    fate = again.settle()
    assert fate.kept is None and [(one.reason, one.detail) for one in fate.dropped] == [
        ("portrait_unusable", "it cannot be read")
    ]


def test_a_folder_is_worked_on_by_one_process_at_a_time(opened, another_process):
    dialogue = opened()
    with another_process(dialogue.folder), pytest.raises(FolderInUse):
        dialogue.lock()
    dialogue.lock()
    dialogue.release()


def test_what_a_process_may_still_be_writing_is_not_settled(opened):
    dialogue = described(opened())
    for line in (0, 2, 4):
        dialogue.keep(line, shown(ACCEPTED))
    dialogue.lock()
    assert dialogue.settle() is not None and opened().settled() is None
    dialogue.release()
    assert opened().settled() is not None
