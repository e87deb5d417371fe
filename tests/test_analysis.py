"""From runs to findings: a known effect is claimed, none is not, and everything is on disk."""

import json
import subprocess
import sys

import matplotlib
import pandas as pd
import pytest
from PIL import Image
from test_settings_analyse import DEFAULTS
from test_study import rate

from mirror.analysis import Analysis
from mirror.finding import Finding
from mirror.invention import write_run
from mirror.run import RunConflict
from mirror.settings import AnalyseSettings

matplotlib.use("Agg")

CLIENTS = [str(number) for number in range(24)]


@pytest.fixture
def runs(output):
    """Two arms with the same faces; `ec` names the feeling far more often, and its clients resist less and less."""
    write_run(output / "results/m-base", CLIENTS, 8, 1, "base", naming=0.2, resistance=(0.7, 0.7))
    write_run(output / "results/m-ec", CLIENTS, 8, 1, "ec", naming=0.7, resistance=(0.9, 0.1))
    return output / "results"


def analysis(**changes):
    return Analysis(AnalyseSettings.checked(DEFAULTS | {"runs": "results/m-base,results/m-ec"} | changes, "parameter"))


def test_what_was_compared_on_how_many_clients(runs):
    claim = analysis().arms().claim
    assert "**2 arms are compared: base and ec.** Complete sessions: n = 24; 24 clients have one in every arm." in claim
    assert "No caveats: all sessions are complete, and the arms differ in the counselor only." in claim
    assert "results/m-base" in claim


def test_a_known_effect_is_claimed_with_its_certainty(runs):
    claim = analysis().comparison().claim
    verdict = claim.split("**")[1]
    assert verdict.startswith("ec is better than base on ") and "of 5 outcomes (n = 24): replies that name" in verdict
    assert "n = 24)" in claim and ("p < 0.001" in claim or "p = 0.0" in claim)
    assert "No model has rated these sessions" in claim


def test_no_effect_is_not_claimed(output):
    for name, seed in (("m-base", 1), ("m-ec", 2)):
        write_run(output / "results" / name, CLIENTS, 8, seed, "base", resistance=(0.5, 0.5))
    found = analysis()
    assert "No significant difference between ec and base in any of 5 outcomes (n = 24)." in found.comparison().claim
    assert "Resistance: no significant change in any arm" in found.over_turns("resistant").claim


def test_resistance_falls_where_it_does(runs):
    finding = analysis().over_turns("resistant")
    assert finding.claim.startswith("**Resistance: no significant change in base; falls in ec.**")
    assert finding.table.groupby("arm").turn.max().tolist() == [8, 8]


def test_captions_are_held_against_cues_and_against_chance(runs):
    finding = analysis().captions()
    assert finding.table.arm.tolist() == ["ec"]
    assert finding.table["mean"][0] == pytest.approx(0.72, abs=0.1) and 0.03 < finding.table.chance[0] < 0.25
    assert "0 of 192 captions in ec." in finding.claim


def test_everything_is_written_figures_with_their_numbers(runs):
    found = analysis(gallery=True)
    for step in (found.arms, found.faces, found.captions, found.counselors, found.comparison):
        step()
    for key in ("identity", "relevance", "resistant"):
        found.over_turns(key)
    told = found.finish()
    folder = runs / "analyse-m-base-m-ec"
    for name in ("faces", "identity", "relevance", "captions", "counselors", "resistant", "comparison"):
        assert {path.suffix for path in (folder / "figures").glob(f"{name}.*")} == {".png", ".pdf", ".csv"}, name
        with Image.open(folder / f"figures/{name}.png") as image:
            assert image.convert("L").getextrema()[0] < 128
        assert len(pd.read_csv(folder / f"figures/{name}.csv"))
    tables = {path.name for path in (folder / "tables").iterdir()}
    assert {f"{name}.{end}" for name in ("arms", "measures", "comparisons") for end in ("csv", "tex")} <= tables
    assert {"sessions-base.csv", "turns-base.csv", "sessions-ec.csv", "turns-ec.csv"} <= tables
    assert len(pd.read_csv(folder / "tables/turns-ec.csv")) == 24 * 8
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["clients"] == 24 and set(metrics["claims"]) >= {"arms", "faces", "comparison"}
    assert len(metrics["comparisons"]) == 5 and metrics["comparisons"][0]["arm"] == "ec"
    assert (
        "mean (interval), n = 24 where not stated" in told
        and "ec is better than base" in told
        and "results/m-ec/gallery.html" in told
    )
    assert (runs / "m-ec/gallery.html").is_file()
    assert json.loads((folder / "provenance.json").read_text())["status"] == "complete"


def test_the_same_numbers_come_out_again(runs):
    first = analysis().comparison().table
    pd.testing.assert_frame_equal(first, analysis().comparison().table)


def test_another_analysis_under_the_same_name_is_refused(runs):
    analysis(run="x")
    with pytest.raises(RunConflict, match="seed was 1 and is 2"):
        analysis(run="x", seed=2)


def test_judges_are_outcomes_with_their_reliability(runs):
    for name, shift in (("m-base", 0), ("m-ec", 2)):
        rate(runs / name, {idx: (int(idx) % 3 + shift, int(idx) % 3 + shift) for idx in CLIENTS})
    found = analysis(gallery=True)
    claim = found.comparison().claim
    assert "Krippendorff's alpha" in claim and "helpfulness" in claim and "| 1.00 |" in claim
    found.finish()
    assert "helpfulness, m" in (runs / "m-ec/gallery.html").read_text()
    assert (runs / "analyse-m-base-m-ec/tables/reliability.tex").is_file()


def test_one_run_is_described_and_compared_with_none(runs):
    found = analysis(runs="results/m-ec")
    assert "One arm is described: m-ec (n = 24)." in found.arms().claim
    assert "There is only one arm, so nothing is compared" in found.comparison().claim
    assert "mean (interval), n = 24 where not stated" in found.finish()


def test_the_analysis_of_given_runs_loads_no_model(runs):
    given = DEFAULTS | {"runs": "results/m-base,results/m-ec"}
    script = (
        "import sys; from mirror.analysis import Analysis; from mirror.settings import AnalyseSettings; "
        f"Analysis(AnalyseSettings.checked({given!r}, 'x')).finish(); "
        "print(sorted({'torch', 'transformers', 'diffusers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_finding_shows_its_claim_above_its_figure(runs, capsys):
    analysis().faces()._ipython_display_()
    Finding("nothing", "**Nothing can be told.**")._ipython_display_()
    assert "Markdown" in capsys.readouterr().out
