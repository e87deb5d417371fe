"""From runs to findings: a known effect is claimed, none is not, and everything is on disk."""

import json
import re
import shutil
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml
from PIL import Image

from mirror.analysis.claims import amount
from mirror.analysis.factors.interaction import NONE_CROSSED
from mirror.analysis.finding import Finding
from mirror.analysis.measures import OUTCOMES
from mirror.analysis.registration.verdict import EXPLORATORY
from mirror.analysis.run import Analysis
from mirror.analysis.settings import AnalyseSettings
from mirror.benchmarks.synthetic_runs import write_run
from mirror.run_folder import RunConflict
from mirror.transcripts.session_folder import SessionFolder
from tests.parameters import ANALYSE_DEFAULTS
from tests.preferences import answer, write_answers
from tests.registered_studies import MORE, write_registration
from tests.studies import rate, rate_by_people

matplotlib.use("Agg")

CLIENTS = [str(number) for number in range(24)]
COMPARED = len(OUTCOMES) - 1  # the openness is known of scripted clients alone


@pytest.fixture(autouse=True)
def _small_figures(monkeypatch):
    """Drawn whole, with fewer dots; how many a file has is in the tests of figures."""
    monkeypatch.setattr("mirror.figures.style.DPI", 40)
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two arms with the same faces; `ec` names the feeling far more often, and its clients resist less and less."""
    folder = tmp_path_factory.mktemp("written")
    write_run(folder / "m-base", CLIENTS, 8, 1, "base", naming=0.2, resistance=(0.7, 0.7))
    write_run(folder / "m-ec", CLIENTS, 8, 1, "ec", naming=0.7, resistance=(0.9, 0.1))
    return folder


@pytest.fixture
def runs(written, output):
    """A test's own copy of the two arms."""
    return shutil.copytree(written, output / "results")


def analysis(**changes):
    settings = AnalyseSettings.checked(
        ANALYSE_DEFAULTS | {"runs": "results/m-base,results/m-ec"} | changes, "parameter"
    )
    return Analysis(settings, settings.folders).open()


def test_making_an_analysis_reads_and_writes_nothing(runs):
    settings = AnalyseSettings.checked(ANALYSE_DEFAULTS | {"runs": "results/m-base", "run": "x"}, "parameter")
    made = Analysis(settings, [runs / "not-there"])
    assert not (runs / "x").exists()
    with pytest.raises(RuntimeError, match="call Analysis.open"):
        made.arms()
    (runs / "x").mkdir()
    (runs / "x/thesis.txt").write_text("mine")
    with pytest.raises(RunConflict, match="contains thesis.txt"):
        Analysis(settings, [])


def test_what_was_compared_on_how_many_clients(runs):
    claim = analysis().arms().claim
    assert "**2 arms are compared: base and ec.** Complete sessions: n = 24; 24 clients have one in every arm." in claim
    assert "No caveats: all sessions are complete, and the arms differ in the counselor only." in claim
    assert "results/m-base" in claim


def test_a_known_effect_is_claimed_with_its_certainty(runs):
    claim = analysis().comparison().claim
    verdict = claim.split("**")[1]
    assert verdict.startswith("ec is better than base on ")
    assert f"of {COMPARED} outcomes (n = 24): replies that name" in verdict
    assert "n = 24)" in claim and ("p < 0.001" in claim or "p = 0.0" in claim)
    assert "No model has rated these sessions" in claim


@pytest.mark.slow
def test_no_effect_is_not_claimed(output):
    for name, seed in (("m-base", 1), ("m-ec", 2)):
        write_run(output / "results" / name, CLIENTS, 8, seed, "base", resistance=(0.5, 0.5))
    found = analysis()
    none = f"No significant difference between ec and base in any of {COMPARED} outcomes (n = 24)."
    assert none in found.comparison().claim
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


@pytest.mark.slow
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
    assert len(metrics["comparisons"]) == COMPARED and metrics["comparisons"][0]["arm"] == "ec"
    assert "ec (n = 24)" in told and "ec is better than base" in told and "results/m-ec/gallery.html" in told
    assert (runs / "m-ec/gallery.html").is_file()
    assert json.loads((folder / "provenance.json").read_text())["status"] == "complete"


# Studies of which little or nothing can be said -----------------------------------------------------------------------


def steps(found):
    return [
        found.arms(),
        found.faces(),
        *(found.over_turns(key) for key in ("identity", "relevance", "resistant")),
        found.captions(),
        found.counselors(),
        found.comparison(),
    ]


def end(run, status, clients):
    """Sessions that failed or were never begun; `cut off` ones failed after their turns."""
    for idx in clients:
        folder = run / "sessions" / idx
        if status == "cut off":
            (folder / "end.json").unlink()
        else:
            shutil.rmtree(folder)
            folder.mkdir()
        if status != "not begun":
            SessionFolder(folder).end("failed", "ChatError: the endpoint cannot be reached")


def without(run, **fields):
    """Turns without a face, a caption, a reply or a cue that the lexicon knows."""
    for path in run.glob("sessions/*/turns.jsonl"):
        turns = [json.loads(line) | fields for line in path.read_text().splitlines()]
        path.with_name("end.json").unlink()
        path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
        SessionFolder(path.parent).end("complete", f"{len(turns)} turns")


FEW = {  # what is done to the runs a and b of three clients and two turns
    "all failed": lambda a, b: [end(run, "failed", "012") for run in (a, b)],
    "none begun": lambda a, b: [end(run, "not begun", "012") for run in (a, b)],
    "all cut off": lambda a, b: [end(run, "cut off", "012") for run in (a, b)],
    "one arm failed": lambda a, b: end(b, "failed", "012"),
    "one arm cut off": lambda a, b: end(b, "cut off", "012"),
    "no complete client in common": lambda a, b: [end(a, "failed", "0"), end(b, "failed", "12")],
    "one client each": lambda a, b: [end(a, "not begun", "01"), end(b, "not begun", "01")],
    "no faces": lambda a, b: [without(run, face=None) for run in (a, b)],
    "no faces in one arm": lambda a, b: without(b, face=None),
    "no replies, no captions": lambda a, b: [without(run, reply="", caption="") for run in (a, b)],
    "no replies in one arm": lambda a, b: without(b, reply="", caption=""),
    "cues that say nothing": lambda a, b: [without(run, cue="xyz") for run in (a, b)],
    "no rating came": lambda a, b: [rate(run, {"0": (None,), "1": (None,)}) for run in (a, b)],
    "ratings of one arm": lambda a, b: rate(b, {"0": (1,), "1": (5,), "2": (5,)}),
}
FURTHER = ("none begun", "all cut off", "one arm cut off", "no faces in one arm", "no replies, no captions", "no faces")


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[pytest.mark.proof] if what in FURTHER else []) for what in FEW]
)
@pytest.mark.filterwarnings("error::RuntimeWarning", "error::FutureWarning")
def test_where_nothing_can_be_said_every_step_says_so(output, what):
    folders = [output / "results" / name for name in "ab"]
    for folder, cot in zip(folders, ("base", "ec"), strict=True):
        write_run(folder, "012", 2, 1, cot)
    FEW[what](*folders)
    found = analysis(runs="results/a,results/b", run="study", gallery=True)
    findings = steps(found)
    told = found.finish()
    assert [path for path in folders if not (path / "gallery.html").is_file()] == []
    # Arms, pairs and their order follow from the reference in the comparison alone.
    against_a = analysis(runs="results/a,results/b", reference="a", run="against-a", gallery=False)
    for finding in (*findings, against_a.comparison()):
        assert finding.claim.startswith("**") and not re.search(r"\bnan\b|\bNone\b|n = 0 clients", finding.claim)
        assert finding.figure is None or finding.caption
    for told_of, name in ((told, "study"), (against_a.finish(), "against-a")):
        json.loads((output / "results" / name / "metrics.json").read_text(), parse_constant=pytest.fail)
        if what.startswith(("all", "none")):
            assert told_of.startswith("No session is complete, so nothing can be said")
        if what in ("one arm failed", "one arm cut off", "no complete client in common"):
            assert "b and a cannot be compared: no client has a complete session in both" in told_of
    if what.startswith(("all", "none")):
        assert all("No session is complete" in finding.claim and not finding.figure for finding in findings)


@pytest.mark.slow
def test_one_turn_has_no_halves(output):
    for name, cot in (("a", "base"), ("b", "ec")):
        write_run(output / "results" / name, "012", 1, 1, cot)
    found = analysis(runs="results/a,results/b")
    assert "**Resistance: change not estimable.**" in found.over_turns("resistant").claim
    assert "no client has a value in both halves" in found.over_turns("resistant").claim
    assert "the corrected p cannot be below" in found.comparison().claim


@pytest.mark.slow
def test_a_figure_of_an_earlier_analysis_does_not_outlast_its_numbers(output):
    folders = [output / "results" / name for name in "ab"]
    for folder, cot in zip(folders, ("base", "ec"), strict=True):
        write_run(folder, "012345", 2, 1, cot)
    found = analysis(runs="results/a,results/b", run="study")
    steps(found)
    found.finish()
    figures, written = output / "results/study/figures", output / "results/study/tables"
    assert (figures / "comparison.png").is_file() and (written / "comparisons.csv").is_file()
    for folder in folders:
        end(folder, "failed", "012345")
    found = analysis(runs="results/a,results/b", run="study")
    steps(found)
    found.finish()
    assert {path.name for path in figures.iterdir()} == {"arms.csv"}
    assert not (written / "comparisons.csv").exists() and not (written / "measures.tex").exists()


# One number, one value ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Three arms of unequal numbers of complete sessions, one cut off after its turns, rated, two measures bounded."""
    output = tmp_path_factory.mktemp("output")
    folders = [output / "results" / name for name in ("m-base", "m-planning", "m-ec")]
    for seed, folder in enumerate(folders):
        write_run(folder, CLIENTS[:16], 5, seed, folder.name[2:], naming=0.1 + 0.4 * seed, resistance=(0.9, 0.8))
        scores = {idx: (1 + (int(idx) + seed) % 2 + seed, 1 + seed) for idx in CLIENTS[:16]}
        rate(folder, scores, judge="m")
    end(folders[1], "cut off", ["3"])
    end(folders[2], "cut off", ["5", "6"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(output))
        found = analysis(runs="results/m-base,results/m-planning,results/m-ec", reference="m-base", run="study")
        findings = {finding.name: finding for finding in steps(found)}
        return found, findings, found.finish(), output / "results/study"


def csv(folder, name):
    return pd.read_csv(folder / f"{name}.csv")


def test_an_effect_has_one_value_in_sentence_table_figure_and_file(uneven):
    _, findings, told, folder = uneven
    drawn, printed = csv(folder, "figures/comparison"), csv(folder, "tables/comparisons")
    recorded = pd.DataFrame(json.loads((folder / "metrics.json").read_text())["comparisons"])
    numbers = ["mean", "other_mean", "difference", "low", "high", "p_adjusted", "effect", "effect_low", "effect_high"]
    pd.testing.assert_frame_equal(drawn[numbers], recorded[numbers].astype(float), rtol=1e-12)
    for shown, row in zip(printed.itertuples(index=False), drawn.itertuples(), strict=True):
        assert shown.outcome.startswith(row.label) and shown.n == row.n
        assert shown.difference == pytest.approx(row.difference) and shown.unit == row.unit
        for name in ("mean", "other_mean", "low", "high", "effect"):
            assert getattr(shown, name) == pytest.approx(getattr(row, name), nan_ok=True)
    significant = drawn[drawn.is_significant & drawn.low.notna()]
    assert len(significant)
    for row in significant.itertuples():
        low, high = (amount(end, row.unit, True).removesuffix(" points") for end in (row.low, row.high))
        sentence = f"{amount(row.difference, row.unit, True)}, 95% CI {low} to {high}"
        assert sentence in findings["comparison"].claim
    assert findings["comparison"].claim.split("**")[1] in told


def test_a_mean_has_one_value_in_sentence_table_figure_and_file(uneven):
    _, findings, _, folder = uneven
    recorded = pd.DataFrame(json.loads((folder / "metrics.json").read_text())["measures"])
    means = recorded.set_index(["key", "arm"])["mean"]
    for name in ("faces", "captions"):
        for row in csv(folder, f"figures/{name}").itertuples():
            assert row.mean == pytest.approx(means[row.key, row.arm], abs=1e-12)
    replies = csv(folder, "figures/counselors")
    for row in replies[replies.reaction == "named"].itertuples():
        assert row.share == pytest.approx(means["names", row.arm], abs=1e-12)
        assert f"{amount(row.share, 'share')} in {row.arm}" in findings["counselors"].claim
    assert replies.groupby("arm").share.sum().tolist() == pytest.approx([1, 1, 1])
    for arm in ("base", "planning", "ec"):
        assert f"{amount(means['attempts', arm], 'number')} in {arm}" in findings["faces"].claim
        change = recorded[(recorded.key == "resistance_change") & (recorded.arm == arm)].iloc[0]
        low, high = (amount(end, "points", True).removesuffix(" points") for end in (change.low, change.high))
        told = f"{arm} {amount(change['mean'], 'points', True)} (95% CI {low} to {high}, p = "
        assert told in findings["resistant"].claim


def test_what_is_counted_comes_from_complete_sessions(uneven):
    found, findings, _, folder = uneven
    assert "Complete sessions: n = 16 (base), 15 (planning), 14 (ec); 13 clients have one in every arm." in (
        findings["arms"].claim
    )
    for key in ("identity", "resistant"):
        assert csv(folder, f"figures/{key}").groupby("arm").n.max().to_dict() == {"base": 16, "planning": 15, "ec": 14}
        assert "n = 16 (base), 15 (planning), 14 (ec)" in findings[key].claim
    assert set(csv(folder, "figures/counselors").groupby("arm").replies.max()) == {80, 75, 70}


def test_no_interval_is_impossible(uneven):
    found, _, _, folder = uneven
    recorded = pd.DataFrame(json.loads((folder / "metrics.json").read_text())["measures"])
    bounds = {measure.key: measure.bounds for measure in (*found.study.outcomes, *found.study.descriptive)}
    known = recorded.dropna(subset="low")
    assert {"attempts", "helpfulness.helpfulness by m", "names"} <= set(known.key)
    for row in known.itertuples():
        lowest, highest = bounds[row.key]
        assert lowest <= row.low <= row.mean <= row.high <= highest, row
    assert bounds["attempts"][0] == 1 and bounds["helpfulness.helpfulness by m"] == (1, 5)
    assert bounds["turns"] == (1, 5)
    for row in csv(folder, "figures/comparison").dropna(subset="low").itertuples():
        reach = bounds[row.measure][1] - bounds[row.measure][0]
        assert -reach <= row.low <= row.high <= reach, row


# What is no evidence --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ratings_by_rules_stand_apart_and_change_no_claim_and_no_p(runs):
    before = analysis(run="x").comparison()
    for name, score in (("m-base", 1), ("m-ec", 5)):
        rate(runs / name, {idx: (score,) for idx in CLIENTS}, judge="rules")
    found = analysis(run="x", gallery=True)
    after = found.comparison()
    assert after.claim.startswith(before.claim)
    pd.testing.assert_frame_equal(after.table, before.table)
    added = after.claim.removeprefix(before.claim)
    assert (
        "Ratings by `rules`: rehearsal, no evidence." in added
        and "Helpfulness and empathy: helpfulness (rules)" in added
    )
    told = found.finish()
    metrics = json.loads((runs / "x/metrics.json").read_text())
    assert "rules" not in told and not any("rules" in row["key"] for row in metrics["measures"])
    assert {row["mean"] for row in metrics["rehearsal"]} == {1, 5}
    assert (runs / "x/tables/rehearsal.csv").is_file() and not (runs / "x/tables/reliability.csv").exists()


def test_the_first_claim_says_that_scripted_clients_go_by_the_rules_that_score(runs):
    assert "scripted" not in analysis(run="x").arms().claim
    for name in ("m-base", "m-ec"):
        settings = yaml.safe_load((runs / name / "settings.yaml").read_text())
        (runs / name / "settings.yaml").write_text(yaml.safe_dump(settings | {"client": "scripted"}))
    claim = analysis(run="x").arms().claim
    first = claim.split("\n\n")[0]
    assert "The clients of all arms are scripted: they react to replies by the same rules that score" in first
    assert "not whether it helps a person" in first


@pytest.mark.slow
def test_the_same_numbers_come_out_again(runs):
    first = analysis().comparison().table
    pd.testing.assert_frame_equal(first, analysis().comparison().table)


def test_another_analysis_under_the_same_name_is_refused(runs):
    analysis(run="x")
    with pytest.raises(RunConflict, match="seed was 1 and is 2"):
        analysis(run="x", seed=2)


@pytest.mark.slow
def test_judges_are_outcomes_with_their_reliability(runs):
    for name, shift in (("m-base", 0), ("m-ec", 2)):
        rate(runs / name, {idx: (int(idx) % 3 + shift, int(idx) % 3 + shift) for idx in CLIENTS})
    found = analysis(gallery=True)
    claim = found.comparison().claim
    assert "Krippendorff's ordinal alpha" in claim and "helpfulness" in claim and "| 1.00 |" in claim
    found.finish()
    assert "helpfulness, m" in (runs / "m-ec/gallery.html").read_text()
    assert (runs / "analyse-m-base-m-ec/tables/reliability.tex").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("raters, used", [("humans", {"humans"}), ("judge", {"m"}), ("both", {"humans", "m"})])
def test_only_the_declared_raters_are_in_a_claim_and_all_are_compared(raters, used, runs):
    for name, shift in (("m-base", 0), ("m-ec", 2)):
        scores = {idx: int(idx) % 3 + 1 + shift for idx in CLIENTS}
        rate(runs / name, {idx: (score, score) for idx, score in scores.items()})
        first = dict(list(scores.items())[:16])
        rate_by_people(runs / name, {"anna": first, "ben": dict(list(scores.items())[8:])})
    found = analysis(raters=raters, run="x").comparison()
    rated = {key.rpartition(" by ")[2] for key in found.table["measure"] if " by " in key}
    assert rated == used
    assert (
        "Agreement among people by item" in found.claim and "Agreement of judges with the mean of people" in found.claim
    )
    assert f"`raters` is `{raters}`" in found.claim or raters == "both"
    humans = pd.read_csv(runs / "x/tables/agreement-humans.csv").set_index("item")
    assert humans.loc["empathy", ["raters", "units", "shared"]].tolist() == [2, 16, 16]
    assert humans.loc["empathy", ["alpha", "icc", "icc_mean"]].tolist() == [1, 1, 1]
    judges = pd.read_csv(runs / "x/tables/agreement-judges.csv").set_index(["item", "arm"])
    assert judges.loc[("helpful", "all"), ["units", "clients", "alpha"]].tolist() == [48, 24, 1]
    assert len(judges) == 6 and set(judges["judge"]) == {"m"}


def test_one_run_is_described_and_compared_with_none(runs):
    found = analysis(runs="results/m-ec")
    assert "One arm is described: m-ec (n = 24)." in found.arms().claim
    assert "There is only one arm, so nothing is compared" in found.comparison().claim
    assert "m-ec (n = 24)" in found.finish()


@pytest.mark.slow
def test_the_analysis_of_given_runs_loads_no_model(runs):
    given = ANALYSE_DEFAULTS | {"runs": "results/m-base,results/m-ec"}
    script = (
        "import sys; from mirror.analysis.run import Analysis; from mirror.analysis.settings import AnalyseSettings; "
        f"settings = AnalyseSettings.checked({given!r}, 'x'); Analysis(settings, settings.folders).open().finish(); "
        "print(sorted({'torch', 'transformers', 'diffusers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_finding_shows_its_claim_above_its_figure(runs, capsys):
    analysis().faces()._ipython_display_()
    Finding("nothing", "**Nothing can be told.**")._ipython_display_()
    assert "Markdown" in capsys.readouterr().out


@pytest.mark.slow
def test_registered_hypotheses_come_first_and_what_is_found_afterwards_is_exploratory(runs, tmp_path):
    more = MORE | {"expected": "lower"}
    path = write_registration(tmp_path / "a.yaml", [more], arms=["m-base", "m-ec"], clients=24)
    found = analysis(registration=str(path), run="registered")
    finding = found.registered()
    assert "**Of 1 registered hypothesis 1 is contradicted (H1).**" in finding.claim
    assert finding.table["p_adjusted"][0] < 0.05 and (runs / "registered/figures/registration.csv").is_file()
    assert EXPLORATORY in found.comparison().claim
    assert found.interactions().claim == NONE_CROSSED


def test_preferences_are_a_finding_of_the_analysis(runs, output):
    write_answers(output / "results/votes", *(answer(idx, "m-ec", "m-base", "first") for idx in CLIENTS))
    found = analysis(preferences="results/votes", run="voted")
    assert "People prefer ec to base (helpful): 100% of clients for ec" in found.preferred().claim
    found.finish()
    folder = runs / "voted"
    assert "People prefer ec" in json.loads((folder / "metrics.json").read_text())["claims"]["preferred"]
    assert (folder / "figures/preferred.png").is_file() and (folder / "tables/preferences.tex").is_file()
