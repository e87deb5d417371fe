"""A whole comparison: what it writes, how it is resumed, and what is refused."""

import json

import pandas as pd
import pytest
import yaml

from mirror.painting.run import Painting
from mirror.run_folder import RunConflict
from mirror.transcripts.profile import ProfileError
from tests.painted_comparisons import Filters, Model, small_settings, use_fast_members


def painted(**changes):
    painting = Painting(small_settings(**changes)).open()
    painting.paint()
    return painting


def test_a_run_writes_attempts_faces_table_figures_and_summary(output, monkeypatch):
    use_fast_members(monkeypatch, filters=Filters(accepted=12))
    painting = Painting(small_settings()).open()
    shown = painting.paint()
    folder = output / "results/small"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    named = {name for name in names if not name.startswith(("faces/", "figures/clients/", "."))}
    assert named == {
        "attempts.jsonl", "comparison.csv", "figures/contact_sheet.png", "figures/speed.pdf", "figures/speed.png",
        "provenance.json", "settings.yaml", "summary.md",
    }  # fmt: skip
    assert {f"figures/clients/{client}.png" for client in (60, 61, 62)} <= names
    table = pd.read_csv(folder / "comparison.csv")
    assert table["painter"].tolist() == shown["painter"].tolist() == ["slow", "fast"]
    assert table["faces"].tolist() == [6, 6] and table["evaluations"].tolist() == [12, 4]
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["status"] == "complete" and provenance["recommended"] == painting.recommendation.painter
    assert provenance["painters"]["fast"]["steps"] == 2 and provenance["hardware"] == "cpu"
    assert yaml.safe_load((folder / "settings.yaml").read_text())["painters"] == {"slow": {}, "fast": {"steps": 2}}
    summary = (folder / "summary.md").read_text()
    assert painting.recommendation.text in summary and "3 clients, 6 faces per painter, seed 42, on cpu" in summary
    assert painting.speed().width > 300 and painting.contact_sheet().height > 300


@pytest.mark.slow
def test_a_complete_run_is_shown_again_and_paints_nothing(output, monkeypatch):
    use_fast_members(monkeypatch)
    first = painted()
    model = use_fast_members(monkeypatch)
    again = painted()
    assert not model.painted and again.table.equals(first.table)


def test_an_interrupted_run_is_recorded_and_resumed(output, monkeypatch):
    class Stopping(Model):
        def paint(self, requests):
            if len(self.batches) == 6:
                raise KeyboardInterrupt
            return super().paint(requests)

    use_fast_members(monkeypatch, Stopping())
    painting = Painting(small_settings(paint_batch=2)).open()
    with pytest.raises(KeyboardInterrupt):
        painting.paint()
    assert painting.run.provenance["status"] == "stopped"
    use_fast_members(monkeypatch)
    assert painted(paint_batch=2).run.is_complete


def test_other_settings_and_other_hardware_are_refused(output, monkeypatch):
    use_fast_members(monkeypatch)
    painted()
    with pytest.raises(RunConflict, match="painters was .*'fast'.* and is"):
        Painting(small_settings(painters={"slow": {}, "fast": {"steps": 3}}))
    with pytest.raises(RunConflict, match="paint_batch was 8 and is 2"):
        Painting(small_settings(paint_batch=2))
    other = Painting(small_settings())
    monkeypatch.setattr("mirror.painting.stopwatch.device_name", lambda _: "NVIDIA H100")
    with pytest.raises(RunConflict, match="measured on cpu, and this is NVIDIA H100: times would not compare"):
        other.open()


@pytest.mark.slow
def test_fresh_keeps_an_old_run_while_a_portrait_cannot_be_used(output, monkeypatch):
    use_fast_members(monkeypatch)
    painting = painted()
    lines = (painting.run.folder / "attempts.jsonl").read_bytes()
    pixel = painting.sittings[0].portrait.getpixel((0, 0))
    use_fast_members(monkeypatch, Model(unusable=[pixel]))
    with pytest.raises(RuntimeError, match="cannot be painted"):
        Painting(small_settings(fresh=True)).open()
    assert (painting.run.folder / "attempts.jsonl").read_bytes() == lines
    model = use_fast_members(monkeypatch)
    assert painted(fresh=True).run.is_complete and model.painted


def test_one_client_cannot_be_compared(output, monkeypatch):
    use_fast_members(monkeypatch)
    with pytest.raises(ProfileError, match="needs two clients or more"):
        Painting(small_settings(clients=1)).open()
