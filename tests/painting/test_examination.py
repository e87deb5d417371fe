"""First attempts are seen by every filter of the pocket size, whatever their verdict was."""

import pytest

from mirror.painting.casting import build_filters
from mirror.painting.examination import examine
from mirror.painting.sitting import make_sittings
from mirror.transcripts.profile import read_profiles
from tests import ROOT
from tests.painted_comparisons import settings

pytestmark = pytest.mark.slow


def test_scores_are_those_of_the_filters_even_where_a_verdict_ends_early():
    filters = build_filters(settings())
    profiles = read_profiles(ROOT / "pocket/data/test.csv", ROOT / "pocket/data/test_images")[:2]
    sitting = make_sittings(profiles, ("sad",), seed=1)[0]
    (seen,) = examine(filters, [sitting], [sitting.portrait], [sitting.stranger])
    assert seen.identity == pytest.approx(1, abs=1e-5)
    assert seen.swapped == pytest.approx(seen.without_person, abs=1e-5) and seen.swapped < seen.identity_threshold
    (check,) = filters.relevance.check([sitting.request.verification(sitting.portrait)])
    assert seen.relevance == check.check.score
    assert examine(filters, [], [], []) == []
