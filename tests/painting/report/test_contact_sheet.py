"""Contact sheets: each picture is where its row and column say, and rejected ones are framed."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from mirror.painting.attempts import AttemptFile
from mirror.painting.report.contact_sheet import GAP, LABEL, REJECTED, Sheet, spread
from mirror.painting.sitting import make_sittings
from mirror.transcripts.profile import read_profiles
from tests import ROOT
from tests.painting.records import record

SIDE = 100


@pytest.fixture(scope="module")
def sittings():
    profiles = read_profiles(ROOT / "pocket/data/test.csv", ROOT / "pocket/data/test_images")[:3]
    return make_sittings(profiles, ("sad", "calm"), seed=1)


def test_faces_stand_beside_the_portrait_in_the_column_of_their_painter(sittings, tmp_path):
    file = AttemptFile(tmp_path)
    one = sittings[2]
    key = {"client": one.client, "expression": one.expression}
    file.add(record(1, "accepted", **key), Image.new("RGB", (8, 8), "blue"))
    file.add(record(1, score=0.1, painter="fast", **key), Image.new("RGB", (8, 8), "lime"))
    file.add(record(2, score=0.3, painter="fast", **key), Image.new("RGB", (8, 8), "cyan"))
    file.add(record(1, "unsafe", painter="third", **key), Image.new("RGB", (8, 8), "red"))
    sheet = np.asarray(Sheet(["slow", "fast", "third"], [one], file.records, tmp_path).draw(SIDE))
    top = sheet.shape[0] - 2 * GAP - 16 - SIDE
    center = [sheet[top + SIDE // 2, LABEL + column * (SIDE + GAP) + SIDE // 2] for column in range(4)]
    assert [tuple(map(int, pixel)) for pixel in center[1:]] == [(0, 0, 255), (0, 255, 255), (255, 255, 255)]
    corner = [tuple(map(int, sheet[top, LABEL + column * (SIDE + GAP)])) for column in range(1, 4)]
    assert corner == [(0, 0, 255), *[ImageColor.getrgb(REJECTED)] * 2]
    portrait = np.asarray(one.portrait.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    assert (sheet[top : top + SIDE, LABEL : LABEL + SIDE] == portrait).all()


@pytest.mark.parametrize("most", [1, 3, 6, 50])
def test_a_selection_is_spread_over_clients_and_expressions(sittings, most):
    found = spread(sittings, most)
    assert len(found) == min(most, 6) and found == [one for one in sittings if one in found]
    if most == 3:
        assert [one.key for one in found] == [("60", "sad"), ("61", "calm"), ("62", "sad")]
