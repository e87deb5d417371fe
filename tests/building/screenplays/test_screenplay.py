"""Which lines of a screenplay answer which, and which dialogues are of one client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.building.screenplays.screenplay import ClientInfo, Line, Screenplay


def play(speakers, idx="1"):
    names = {"c": "client", "t": "therapist"}
    return Screenplay(idx, ClientInfo(""), "", (), tuple(Line(names[one], "", "x") for one in speakers))


@pytest.mark.parametrize(
    ("speakers", "therapist", "client"),
    [
        ("", (), ()),
        ("c", (), ()),
        ("ctct", (1, 3), (0, 2)),
        ("tctc", (2,), (1,)),
        ("cctt", (2,), (1,)),
    ],
)
def test_a_line_is_answered_by_the_next_speaker_alone(speakers, therapist, client):
    assert (play(speakers).therapist_lines, play(speakers).client_lines) == (therapist, client)


@given(st.text("ct", max_size=12))
def test_every_pair_of_client_and_therapist_is_found_once(speakers):
    found = play(speakers)
    assert len(found.client_lines) == speakers.count("ct")
    assert all(
        speakers[c] + speakers[t] == "ct" for c, t in zip(found.client_lines, found.therapist_lines, strict=True)
    )


@pytest.mark.parametrize(
    ("idx", "client"),
    [
        ("cactus-12-emotional-resistance", "cactus-12"),
        ("cactus-12-Behavioural-Resistance", "cactus-12"),
        ("cactus-12-no-resistance", "cactus-12"),
        ("cactus-12-some-resistance", "cactus-12-some-resistance"),
        ("no-resistance-12", "no-resistance-12"),
        ("12", "12"),
    ],
)
def test_the_four_dialogues_of_a_client_share_a_name(idx, client):
    assert play("ct", idx).client == client
