"""A run's folder: no run is written over another, and starting over is all or nothing."""

import pytest
import yaml

import mirror.files.atomic
from mirror.files.atomic import discard
from mirror.files.json_file import write_json
from mirror.provenance import environment
from mirror.run_folder import Run, RunConflict, read_provenance, settings_faults

SETTINGS = {"size": "pocket", "learning_rate": 2e-05, "note": "Zoë", "workers": 0, "fresh": False}
MACHINE = frozenset({"workers", "fresh"})


def make(name="a", changes=None, fresh=False):
    return Run(name, SETTINGS | (changes or {}), MACHINE, fresh)


def contents(folder):
    """The files of a folder that are not hidden."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found if not path.name.startswith(".")}


def test_making_a_run_changes_nothing(output):
    make()
    assert not output.exists()
    make().open().record("complete")
    before = contents(output)
    make(changes={"size": "7b"}, fresh=True)
    assert contents(output) == before


def test_a_new_run_writes_its_settings(output):
    run = make().open()
    assert run.folder == output / "results/a"
    written = (run.folder / "settings.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(written) == SETTINGS
    assert list(yaml.safe_load(written)) == list(SETTINGS) and "Zoë" in written


def test_the_same_run_goes_on(output):
    run = make().open()
    (run.folder / "losses.csv").write_text("epoch")
    assert make().open().folder == run.folder
    assert (run.folder / "losses.csv").read_text() == "epoch"


def test_another_run_of_that_name_is_refused_and_nothing_changed(output):
    make().open().record("training", step=3)
    before = contents(output)
    with pytest.raises(RunConflict) as error:
        Run("a", {"size": "7b", "learning_rate": 1e-3, "note": "Zoë", "workers": 4, "new": 1}, MACHINE)
    assert str(error.value) == (
        "results/a holds a run with other settings (learning_rate was 2e-05 and is 0.001; new was None and is 1; "
        "size was 'pocket' and is '7b'); give this run another name (-p run NAME), or start over with -p fresh True"
    )
    assert contents(output) == before


def test_a_setting_that_is_gone_is_another_run(output):
    make().open()
    with pytest.raises(RunConflict, match="size was 'pocket' and is None"):
        Run("a", {name: value for name, value in SETTINGS.items() if name != "size"}, MACHINE)


def test_a_run_begun_before_a_setting_existed_goes_on_with_its_default_alone(output):
    make().open()
    defaults = {"new": 1, "note": "of no use: the run has its own"}
    run = Run("a", SETTINGS | {"new": 1}, MACHINE, defaults=defaults).open()
    assert yaml.safe_load((run.folder / "settings.yaml").read_text()) == SETTINGS | {"new": 1}
    with pytest.raises(RunConflict, match=r"with other settings \(new was 1 and is 2\)"):
        Run("a", SETTINGS | {"new": 2}, MACHINE, defaults=defaults)


def test_a_run_goes_on_with_another_machine(output):
    make().open().record("training")
    run = make(changes={"workers": 4}).open()
    assert yaml.safe_load((run.folder / "settings.yaml").read_text())["workers"] == 4
    assert run.provenance["status"] == "training"


def test_fresh_starts_over(output):
    run = make().open()
    run.record("complete", step=3)
    (run.folder / "figures").mkdir()
    again = make(changes={"size": "7b"}, fresh=True).open()
    assert [path.name for path in again.folder.iterdir()] == ["settings.yaml"]
    assert yaml.safe_load((again.folder / "settings.yaml").read_text())["size"] == "7b"
    assert again.provenance == {} and not again.is_complete
    assert list(contents(output)) == [again.folder / "settings.yaml"]


@pytest.mark.parametrize("kill", ["os.replace", "shutil.rmtree"])
def test_a_kill_while_starting_over_leaves_no_old_session_under_new_settings(output, monkeypatch, kill):
    """The earlier run is there as a whole, or not at all; what the kill left goes with the next start."""
    run = make().open()
    write_json(run.folder / "sessions/60/end.json", {"status": "complete"})

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(getattr(mirror.files.atomic, kill.split(".")[0]), kill.split(".")[1], killed)
        with pytest.raises(KeyboardInterrupt):
            make(changes={"size": "7b"}, fresh=True).open()
    left = contents(run.folder)
    assert set(left) in ({run.folder / "settings.yaml", run.folder / "sessions/60/end.json"}, set())
    again = make(changes={"size": "7b"}, fresh=True).open()
    assert list(contents(output)) == [again.folder / "settings.yaml"]
    assert not [path for path in output.rglob("*") if "discarded" in path.name]


def test_a_folder_that_is_no_run_is_refused_even_fresh(output):
    """Sessions without settings are what an interrupted removal used to leave."""
    (output / "results/a/sessions/60").mkdir(parents=True)
    (output / "results/a/sessions/60/end.json").write_text("{}")
    before = contents(output)
    for fresh in (False, True):
        with pytest.raises(RunConflict, match="results/a contains sessions/60/end.json but no settings.yaml"):
            make(fresh=fresh)
    assert contents(output) == before


def test_an_executed_notebook_and_logs_may_lie_in_the_folder_before_the_run(output):
    (output / "results/a/.ipynb_checkpoints").mkdir(parents=True)
    for name in ("counsel.ipynb", "slurm-17.out", "run.log", ".ipynb_checkpoints/x.json"):
        (output / "results/a" / name).write_text("mine")
    assert (make().open().folder / "counsel.ipynb").read_text() == "mine"


def test_fresh_leaves_other_runs(output):
    for name in ("ab", "a[b]", "a*"):
        make(name).open()
    before = contents(output)
    make(fresh=True).open()
    make("a*", fresh=True).open()
    assert contents(output) == before | contents(output / "results/a")


def test_names_with_pattern_characters_are_discarded_alone(tmp_path):
    for name in ("[x]", "x"):
        (tmp_path / f".{name}.discarded-1").mkdir()
        (tmp_path / name).mkdir()
    discard(tmp_path / "[x]")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.discarded-1", "x"]


def test_work_begins_only_where_the_settings_are_still_its_own(output):
    run = make().open()
    make(changes={"size": "7b"}, fresh=True).open()
    with pytest.raises(RunConflict, match="other settings"):
        with run.working("counseling"):
            raise AssertionError("the folder is another run's by now")


@pytest.mark.parametrize("text", ["", "size: [", "- a list"])
def test_damaged_settings_are_named(output, text):
    run = make().open()
    (run.folder / "settings.yaml").write_text(text)
    with pytest.raises(RunConflict, match="results/a/settings.yaml is damaged"):
        make()
    make(fresh=True).open()


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_record_is_named(output, text):
    run = make().open()
    (run.folder / "provenance.json").write_text(text)
    with pytest.raises(RunConflict, match="results/a/provenance.json is damaged"):
        read_provenance(run.folder)


def test_provenance_keeps_the_start_and_adds_facts(output):
    run = make().open()
    assert run.provenance == {}
    run.record("training", device="cpu", step=1)
    first = run.provenance
    assert first["started"] == first["updated"] and first["started"].endswith("+00:00")

    path = run.folder / "provenance.json"
    write_json(path, first | {"started": "2001-01-01T00:00:00+00:00"})  # as if it had been started long ago
    again = make().open()
    assert not again.is_complete
    again.record("complete", step=2)
    last = again.provenance
    assert last["started"] == "2001-01-01T00:00:00+00:00" and last["updated"] >= first["updated"]
    assert (last["status"], last["device"], last["step"]) == ("complete", "cpu", 2)
    again.record("complete", "step", "not there")
    assert again.provenance["device"] == "cpu" and not {"step", "not there"} & again.provenance.keys()
    assert again.is_complete and make().is_complete
    assert {name: last[name] for name in environment()} == environment()


def test_settings_that_were_changed_since_they_were_recorded_are_named(output):
    run = Run("a", {"seed": 0, "concurrency": 2}, frozenset({"concurrency"})).open()
    assert settings_faults(run.folder) == []  # nothing is recorded yet
    run.record("running")
    assert settings_faults(run.folder) == []
    path = run.folder / "settings.yaml"
    path.write_text("seed: 0\nconcurrency: 4\n")  # of the machine: it may change within a run
    assert settings_faults(run.folder) == []
    path.write_text("seed: 1\nconcurrency: 2\n")
    assert settings_faults(run.folder) == ["results/a/settings.yaml was changed since the run recorded it; restore it"]
    path.write_text("concurrency: 2\n")
    assert len(settings_faults(run.folder)) == 1
    path.unlink()
    assert "results/a/settings.yaml" in settings_faults(run.folder)[0]
