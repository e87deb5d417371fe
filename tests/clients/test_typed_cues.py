"""Cues as people type them, with the real pocket painter and filters (`python -m tests.typed_cues` measures more)."""

from itertools import permutations

import pytest
import torch

from mirror.clients.lexicon import lexicon
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import face_request
from mirror.faces.casting import build_painter, build_verifier
from mirror.faces.description import DescriptionRequest, LexiconDescriber
from mirror.faces.rejection_sampling import show_faces
from mirror.paths import input_path
from mirror.prompts import Utterance
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation
from pocket.texts.wordings import nearest
from tests import DATA
from tests.typed_cues import CONFIGURATION, read_cues, read_meant

# Typed cues, and the pocket face that each must be read as.
TYPED = {
    "cries": "tearful",
    "she keeps looking down": "sad",
    "turns away from me": "withdrawn",
    "rolled her eyes": "skeptical",
    "he is frowning": "irritated",
    "hands are shaking": "anxious",
    "laughs": "relieved",
    "leans in, listening": "attentive",
    "yawning": "tired",
    "arms folded": "guarded",
    "jaw dropped": "surprised",
    "sits there calmly": "calm",
}
NEUTRAL = "sips coffee"


@pytest.fixture(scope="module")
def settings():
    return CounselSettings.from_file(input_path(CONFIGURATION))


@pytest.fixture(scope="module")
def verifier(settings):
    return build_verifier(settings, "cpu")


@pytest.fixture(scope="module")
def requests(settings):
    profiles = read_profiles(input_path(settings.table), input_path(settings.portraits))
    found = {}
    for number, cue in enumerate([*TYPED, NEUTRAL]):
        utterance = Utterance(cue, "")
        (description,) = LexiconDescriber().describe([DescriptionRequest("", utterance)])
        found[cue] = face_request(Conversation(profiles[number % 8], (), 5), utterance, description)
    return found


@pytest.fixture(scope="module")
def faces(settings, verifier, requests):
    painter = build_painter(settings, "cpu", torch.float32, verifier.identity.pack)
    return dict(zip(requests, show_faces(painter, verifier, list(requests.values())), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("cue", [*TYPED, NEUTRAL])
def test_a_typed_cue_is_painted_and_accepted(faces, cue):
    assert not faces[cue].exhausted, [attempt.verdict.outcome for attempt in faces[cue].attempts]


@pytest.mark.slow
@pytest.mark.parametrize("cue", TYPED)
def test_a_typed_cue_is_read_as_the_face_that_a_person_would_take_for_it(faces, requests, cue):
    assert nearest(requests[cue].relevance_text.split()[-2]) == TYPED[cue]


@pytest.mark.slow
def test_a_face_that_was_painted_for_one_cue_is_rejected_for_another(verifier, requests, faces):
    """What is asked follows the cue: it does not let any face through."""
    asked = [requests[other].verification(faces[cue].image) for cue, other in permutations(TYPED, 2)]
    passed = [finding.outcome is None for finding in verifier.relevance.check(asked)]
    assert sum(passed) <= 0.02 * len(passed), f"{sum(passed)} of {len(passed)} faces fit another cue"


LISTS = {"typed_cues": (0.95, 0.9), "typed_cues_heldout": (0.8, 0.75), "typed_cues_final": (0.8, 0.75)}


@pytest.mark.parametrize("name", LISTS)
def test_most_typed_cues_are_read_as_a_person_would_read_them(name):
    """The share that is read at all, and the share that is read as a face that a person would take for it."""
    cues, meant = read_cues(DATA / f"{name}.txt"), read_meant(DATA / f"{name}_meant.tsv")
    assert cues == list(meant)
    faces = {cue: lexicon().face(cue) for cue in cues}
    known = [cue for cue in cues if faces[cue]]
    fitting = [cue for cue in known if nearest(faces[cue].look.split()[-2]) in meant[cue]]
    read, right = LISTS[name]
    assert len(known) >= read * len(cues) and len(fitting) >= right * len(cues)
