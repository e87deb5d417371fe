"""Sittings: every client with every expression, with the next client as the stranger."""

from mirror.painting.sitting import make_sittings
from mirror.transcripts.profile import read_profiles
from tests import ROOT

PROFILES = read_profiles(ROOT / "pocket/data/test.csv", ROOT / "pocket/data/test_images")[:3]


def test_every_client_has_every_expression_and_a_stranger():
    found = make_sittings(PROFILES, ("sad", "anxious"), seed=1)
    assert [one.key for one in found] == [(c.idx, cue) for c in PROFILES for cue in ("sad", "anxious")]
    portraits = [one.portrait.tobytes() for one in found[::2]]
    assert [one.stranger.tobytes() for one in found[::2]] == [*portraits[1:], portraits[0]]
    assert len(set(portraits)) == 3
    assert found[0].request.relevance_text == "sad look" and "mouth corners turned down" in found[0].request.prompt


def test_the_noise_does_not_depend_on_the_other_clients_and_expressions():
    seeds = {one.key: one.request.attempt_seed(2) for one in make_sittings(PROFILES, ("sad", "anxious"), seed=1)}
    fewer = {one.key: one.request.attempt_seed(2) for one in make_sittings(PROFILES[1:], ("anxious", "sad"), seed=1)}
    assert len(set(seeds.values())) == 6 and fewer.items() <= seeds.items()
    assert seeds[PROFILES[0].idx, "sad"] != make_sittings(PROFILES, ("sad",), seed=2)[0].request.attempt_seed(2)
