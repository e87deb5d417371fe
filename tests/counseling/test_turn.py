"""One turn: what each step is asked for, and that a failure of one session leaves the others alone."""

from dataclasses import replace

import pytest
from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast
from mirror.counseling.reply import Reply
from mirror.counseling.turn import Clock, face_request, take_turn
from mirror.faces.description import Description
from mirror.faces.rejection_sampling import FaceError
from mirror.faces.view import Seen
from mirror.paths import input_path
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation, TrustRecord
from mirror.transcripts.verdict import Verdict

PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))


def description(relevance_text=""):
    return Description(expression="averted gaze", contrast="", response="", model="m", relevance_text=relevance_text)


@pytest.mark.parametrize(
    "cue, relevance_text, asked",
    [("looks away", "", "looks away"), ("looks away", "sad look", "sad look"), ("", "", "averted gaze")],
)
def test_the_relevance_filter_is_asked_for_what_the_describer_says_else_for_the_cue(cue, relevance_text, asked):
    request = face_request(Conversation(PROFILES[0], (), 0), Utterance(cue, "Hm."), description(relevance_text))
    assert request.statement == f"a facial photo with {asked}"
    assert request.verification(Image.new("RGB", (8, 8))).statement == request.statement


def test_a_face_request_carries_the_seed_of_its_own_session():
    requests = [
        face_request(Conversation(PROFILES[0], (), seed), Utterance("nods", ""), description()) for seed in (1, 2)
    ]
    assert [request.attempt_seed(3) for request in requests] == [
        seed_for(seed, "face", PROFILES[0].idx, 1, 3) for seed in (1, 2)
    ]


def test_a_portrait_that_cannot_be_read_is_a_face_error(tmp_path):
    lost = Conversation(replace(PROFILES[0], portraits=(tmp_path / "lost.png",)), (), 0)
    with pytest.raises(FaceError, match="the face cannot be painted: .*lost.png"):
        face_request(lost, Utterance("nods", ""), description())


class Role:
    """Plays every role, notes which clients it is asked for, and fails for the clients that a step names."""

    def __init__(self, **failing):
        self.failing, self.asked = failing, {}

    def _answers(self, step, clients, answer):
        self.asked[step] = clients
        return [RuntimeError(step) if idx in self.failing.get(step, ()) else answer for idx in clients]

    def speak(self, conversations):
        ended = self.failing.get("ended", ())
        answers = self._answers("speak", [one.profile.idx for one in conversations], None)
        said = [ClientUtterance(Utterance("nods", "Hm.", one.profile.idx in ended), "raw") for one in conversations]
        return [answer or words for answer, words in zip(answers, said, strict=True)]

    def describe(self, requests):
        clients = self.asked["speak"]
        gone = {*self.failing.get("speak", ()), *self.failing.get("ended", ())}
        return self._answers("describe", [idx for idx in clients if idx not in gone][: len(requests)], description())

    batch_sizes = tuple(range(1, 65))

    def check(self, request):
        pass

    def paint(self, requests):
        return [Image.new("RGB", (4, 4)) for _ in requests]

    def verify(self, requests):
        return [Verdict(outcome="accepted") for _ in requests]

    def reply(self, requests):
        return self._answers("reply", [one.conversation.profile.idx for one in requests], Reply(words="I see."))

    def facts(self):
        return {}


def test_a_session_that_fails_or_ends_is_not_asked_by_later_steps():
    first, second, third, fourth, fifth = (profile.idx for profile in PROFILES[:5])
    role = Role(speak=[first], ended=[second], describe=[third], reply=[fourth])
    results = take_turn(
        Cast(role, role, role, role, role), [Conversation(profile, (), 0) for profile in PROFILES[:5]], Clock()
    )
    assert role.asked == {
        "speak": [first, second, third, fourth, fifth],
        "describe": [third, fourth, fifth],
        "reply": [fourth, fifth],
    }
    failures = [str(result) if isinstance(result, Exception) else None for result in results]
    assert failures == ["speak", None, "describe", "reply", None]
    ended, taken = results[1], results[4]
    assert ended.turn.ended and (ended.images, ended.face, ended.reply) == ({}, None, None)
    assert taken.turn.reply == taken.reply.words == "I see." and taken.images.keys() == {
        "faces/01.png",
        "faces/01-1.png",
    }


def test_no_step_is_run_for_no_session():
    role = Role(speak=[profile.idx for profile in PROFILES[:2]])
    clock = Clock()
    results = take_turn(
        Cast(role, role, role, role, role), [Conversation(profile, (), 0) for profile in PROFILES[:2]], clock
    )
    assert role.asked.keys() == {"speak"} and all(isinstance(result, RuntimeError) for result in results)
    assert clock.share(2).keys() == {"client", "description", "face", "counselor"}


class Swapper:
    """Shows a picture of its own, and fails for the clients that it is given."""

    def __init__(self, *failing):
        self.failing = failing

    def see(self, requests):
        seen = Seen(Image.new("RGB", (4, 4), (1, 2, 3)), "swapped", source="other/7/1")
        return [OSError("lost") if one.conversation.profile.idx in self.failing else seen for one in requests]

    def facts(self):
        return {}


def test_the_counselor_is_given_what_it_is_to_see_and_the_turn_keeps_both():
    role, seen_by = Role(), []
    role.reply = lambda requests: seen_by.extend(requests) or [Reply(words="I see.") for _ in requests]
    cast = Cast(role, role, role, role, role, view=Swapper(PROFILES[1].idx))
    taken, failed = take_turn(cast, [Conversation(profile, (), 0) for profile in PROFILES[:2]], Clock())
    assert [request.face.getpixel((0, 0)) for request in seen_by] == [(1, 2, 3)]
    assert str(failed) == "lost"
    assert taken.turn.face.file == "faces/01.png" and taken.images["faces/01.png"].getpixel((0, 0)) == (0, 0, 0)
    record = {"condition": "swapped", "file": "faces/01-seen.png", "words": "", "source": "other/7/1"}
    assert taken.turn.seen.model_dump() == record and taken.images["faces/01-seen.png"].getpixel((0, 0)) == (1, 2, 3)
    assert taken.images.keys() == set(taken.turn.files)


@pytest.mark.parametrize("ended", [False, True])
def test_the_turn_keeps_the_trust_with_which_the_client_spoke(ended):
    role, trust = Role(), TrustRecord(points=22, stage="closed", after="advised")
    said = ClientUtterance(Utterance("nods", "Hm.", ended), "raw", trust=trust)
    client = Role()
    client.speak = lambda conversations: role.speak(conversations) and [said]
    (taken,) = take_turn(Cast(client, role, role, role, role), [Conversation(PROFILES[0], (), 0)], Clock())
    assert taken.turn.trust == trust and taken.turn.ended == ended
