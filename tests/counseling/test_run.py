"""A run of sessions: its share of the table, its record, how it ends, and that it goes on."""

import json
from dataclasses import replace

import pytest

from mirror.clients.client import ScriptedClient
from mirror.counseling import run as counseling
from mirror.counseling.outcome import Outcome
from mirror.counseling.run import Counseling, SessionsFailed
from mirror.counseling.settings import CounselSettings
from mirror.figures import page
from mirror.files.lock import FolderInUse
from mirror.run_folder import RunConflict
from mirror.settings.errors import SettingsError
from tests import ROOT
from tests.openai_server import OpenAIServer, Status, Text
from tests.parameters import COUNSEL_DEFAULTS

SMALL = {"sessions": 2, "max_turns": 2, "attempts": 1, "steps": 1, "merge_step": 0, "max_new_tokens": 4, "cot": "ec"}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    for variable in ("IMG_VERIFICATION_URL", "IMG_DESCRIPTION_URL"):
        monkeypatch.delenv(variable, raising=False)


def run(**changes):
    return Counseling(CounselSettings.checked(COUNSEL_DEFAULTS | SMALL | changes, "parameter"))


@pytest.mark.slow
def test_a_run_counsels_its_clients_and_records_who_did_it(output, capsys):
    counsel = run()
    assert not counsel.run.folder.exists()  # making one writes nothing
    first = counsel.first()
    assert len(first.turns()) == 2
    table = counsel.counsel()
    assert list(table.idx) == [p.idx for p in counsel.profiles] and set(table.status) == {"complete"}
    record = json.loads((output / "results/counsel-pocket-ec/provenance.json").read_text())
    assert record["status"] == "complete" and (record["sessions"], record["failed"]) == (2, 0)
    assert record["cast"].keys() == {"client", "describer", "painter", "verifier", "counselor", "view"}
    assert record["cast"]["counselor"]["cot"] == "ec" and record["cast"]["verifier"]["identity"]["threshold"] > 0
    shown = page.session(first)
    assert shown.count("data:image/png;base64,") == 2 and first.turns()[1].words in shown.replace("&#x27;", "'")
    assert "4/4" in capsys.readouterr().err


def test_clients_that_the_counselor_does_not_know_are_told_when_the_table_is_read(output, tmp_path, caplog):
    run()
    assert caplog.messages == []
    table = (ROOT / "pocket/data/test.csv").read_text(encoding="utf-8")
    (tmp_path / "own.csv").write_text(table.replace("Tess", "Priya"), encoding="utf-8")
    run(table=str(tmp_path / "own.csv"))
    (told,) = caplog.messages
    assert "does not know 1 of 2 names of clients, and calls such a client by another name, or by none" in told
    assert "60: 'Priya'" in told


def test_the_memory_of_a_run_is_told_without_loading_a_model(output):
    counsel = run(offload="all")
    told = counsel.memory()
    assert list(told[""])[:4] == ["counselor", "painter", "filters", "needed at a time, with offload all"]
    assert "cast" not in vars(counsel) and not counsel.run.folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("offload", "waves"), [("none", 2), ("all", 1)])
def test_sessions_of_models_that_take_turns_advance_in_one_wave(output, monkeypatch, offload, waves):
    counsel, given = run(waves=waves, offload=offload), []
    counsel.settings = counsel.settings.model_copy(update={"waves": 2})  # as `offload: auto` leaves it
    monkeypatch.setattr(counseling, "run_sessions", lambda *args: given.append(args[7]) or [])
    counsel.first()
    assert given == [waves]


def test_shares_of_the_table_make_it_whole(output):
    whole = [p.idx for p in run(sessions=0).profiles]
    shares = [[p.idx for p in run(sessions=0, shard=f"{n}/3").profiles] for n in (1, 2, 3)]
    assert sorted(sum(shares, [])) == whole and max(map(len, shares)) - min(map(len, shares)) <= 1
    assert run(sessions=3).clients().idx.tolist() == whole[:3]


def test_a_share_without_a_client_is_refused(output):
    with pytest.raises(SettingsError, match="shard 300/300 holds no client"):
        run(sessions=0, shard="300/300")


def test_a_second_process_is_refused_while_one_counsels(output, another_process):
    counsel = run()
    with another_process(counsel.run.folder), pytest.raises(FolderInUse, match="in use by process"):
        counsel.counsel()
    assert not list(counsel.run.folder.glob("sessions/*"))


@pytest.mark.slow
def test_what_cannot_begin_removes_nothing(output):
    """The earlier run stays where the new one is refused: an unreadable adapter, say."""
    counsel = run()
    counsel.counsel()
    before = {path: path.read_bytes() for path in counsel.run.folder.rglob("*") if path.is_file()}
    with pytest.raises(SettingsError):
        run(fresh=True, shard="300/300", sessions=0)
    with pytest.raises((ValueError, FileNotFoundError)):
        run(fresh=True, adapter="no-such-adapter.bin").open()
    assert {path: path.read_bytes() for path in counsel.run.folder.rglob("*") if path.is_file()} == before


def test_a_run_with_other_settings_is_refused(output):
    run().open()
    with pytest.raises(RunConflict, match="seed was 0 and is 1"):
        run(seed=1)


class Renamed(ScriptedClient):
    """A scripted client of another class."""


class OtherLines(ScriptedClient):
    """A scripted client with other lines: the class is replaced in place, as an edited file would."""

    def facts(self):
        return {"client": "scripted", "sha256": "0" * 64}


OtherLines.__module__, OtherLines.__qualname__ = ScriptedClient.__module__, ScriptedClient.__qualname__


@pytest.mark.slow
@pytest.mark.parametrize("client", [Renamed, OtherLines])
def test_a_run_does_not_go_on_with_another_cast(output, client):
    run().open()
    again = run()
    again.open()  # the same cast goes on
    other = run()
    other.cast = replace(again.cast, client=client())
    with pytest.raises(RunConflict, match="holds sessions with another client; give this run another name"):
        other.counsel()
    assert other.run.provenance["cast"]["client"] == run().run.provenance["cast"]["client"]
    fresh = run(fresh=True)
    fresh.cast = other.cast
    fresh.open()


def test_a_run_in_which_a_session_failed_says_which_and_how_to_go_on(output, monkeypatch):
    counsel = run()
    failed = [Outcome("60", 2, "complete", "2 turns"), Outcome("61", 1, "failed", "ChatError: 429")]
    monkeypatch.setattr(counseling, "run_sessions", lambda *_: failed)
    with pytest.raises(SessionsFailed) as error:
        counsel.counsel()
    assert "1 of 2 sessions failed:\n  61: ChatError: 429\n" in str(error.value)
    assert "start the same run again to retry only these" in str(error.value)
    assert counsel.run.provenance["status"] == "incomplete"


@pytest.mark.slow
def test_what_a_server_does_not_take_is_in_the_record_of_the_run(output):
    def answer(request):
        if "presence_penalty" in request.body:
            return Status(400, "Penalty is not enabled for this model")
        return Text("<think>\nA cue first.\n</think>\nClient: [nods] Yes.")

    with OpenAIServer(default=answer) as server:
        chat = {"client": "openai", "client_model": "m", "client_url": server.url}
        counsel = run(**chat)
        counsel.counsel()
        turns = [turn for p in counsel.profiles for turn in counsel.session(p).turns()]
        assert [turn.words for turn in turns] == ["", "Yes."] * 2
        run(**chat).counsel()  # asks nothing, and forgets nothing
    left_out = counsel.run.provenance["left_out"]
    assert left_out.keys() == {"client"}
    assert left_out["client"].keys() == {"frequency_penalty", "presence_penalty"}
    assert left_out["client"]["presence_penalty"]["reason"] == "Penalty is not enabled for this model"
    assert counsel.run.provenance["status"] == "complete"


def test_a_share_has_a_folder_of_its_own(output):
    assert run(sessions=1, shard="2/3").run.folder == output / "results/counsel-pocket-ec-2of3"


def test_a_run_begun_before_its_clients_could_come_back_goes_on_and_may_ask_them_back(output):
    path = run().run.open().folder / "settings.yaml"
    lines = path.read_text().splitlines()
    new = ("sessions_per_client", "memory:", "memory_tokens", "face:", "faces_from")
    path.write_text("\n".join(line for line in lines if not line.startswith(new)) + "\n")
    with pytest.raises(RunConflict, match=r"with other settings \(memory was 'transcript' and is 'none'\)"):
        run(memory="none")
    again = run(sessions_per_client=2)
    again.run.open()
    assert "sessions_per_client: 2" in path.read_text() and "face: shown" in path.read_text()
    names = [folder.folder.name for _, folder in again.sessions(again.profiles)]
    assert names == [name for p in again.profiles for name in (p.idx, f"{p.idx}+s2")]
