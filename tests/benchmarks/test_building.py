"""The benchmark of building: its tables add up; its seconds are those of a GPU only."""

import pytest

from mirror.benchmarks import building
from mirror.benchmarks.building import PUBLISHED, Measurement, measure_on_cpu, sizes, table
from mirror.faces.attributes import FaceReading
from mirror.transcripts.verdict import Verdict

FOUND = Measurement(2, 20, {"painting": 30.0, "filters": 2.0, "texts": 8.0}, 50_000.0, 60.0, 40.0)


def cells(text):
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


def test_a_step_has_its_seconds_its_share_and_its_rate():
    assert FOUND.per_picture == {"painting": 1.5, "filters": 0.1, "texts": 0.4}
    assert cells(table(FOUND)) == [
        ["painting", "1.5000", "75.0%", "2,400"],
        ["filters", "0.1000", "5.0%", "36,000"],
        ["texts", "0.4000", "20.0%", "9,000"],
        ["all", "2.0000", "100.0%", "1,800"],
    ]


def test_only_what_is_repeated_costs_for_each_attempt():
    """10,000 pictures at (1.5 + 0.1) × 2 + 0.4 = 3.6 seconds are 10 hours; each is on disk twice."""
    first, _, published = cells(sizes(FOUND, 3.0, 2.0))
    assert first == ["1,000", "10,000", "10.0", "30", "1 GB"]
    assert published[1] == f"{PUBLISHED:,}" and float(published[2].replace(",", "")) == pytest.approx(
        PUBLISHED / 1000, abs=0.1
    )


class Alike:
    """Reads every portrait as one woman of forty, as random weights do of all pictures."""

    def read(self, image):
        return [FaceReading("woman", 40, (0.0, 0.0, 300.0, 300.0))]

    def portrait(self, image):
        return self.read(image)[0]

    def facts(self):
        return {}


class Accepting:
    """Accepts every face."""

    attributes = Alike()

    def verify(self, requests):
        return [Verdict(outcome="accepted") for _ in requests]

    def facts(self):
        return {}


@pytest.mark.slow
def test_a_cpu_measures_every_step_but_describing_and_painting(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "random_verifier", lambda folder, device: Accepting())
    found = measure_on_cpu(tmp_path, dialogues=2, batch=4)
    assert found.seconds.keys() == {"texts", "portraits", "filters", "disk and journals", "records and check"}
    assert all(seconds > 0 for seconds in found.seconds.values())
    assert found.dialogues == 2 and found.pictures == len(list((tmp_path / "pictures").rglob("*.png"))) > 2
    assert found.bytes > 3 * 336 * 336 * 0.9  # noise hardly compresses
