"""The command prints a row per run, the misfits if asked, and refuses what is no run of pocket clients."""

import json
import re

import pytest

from pocket.coherence.__main__ import main


def test_a_run_is_a_row_with_shares_and_its_misfits_are_printed(run, capsys):
    main([str(run), "--misfits"])
    _, row, *misfits = capsys.readouterr().out.splitlines()
    assert row.startswith("pocket-base  2")
    assert re.findall(r"[\d.]+% \(\d\)", row)[:4] == ["50.0% (1)", "100.0% (2)", "50.0% (1)", "50.0% (1)"]
    assert misfits[-1] == "  does not fit: name: Mei; face: sad"
    assert "You look sad, Mei." in "\n".join(misfits) and "your father" not in "\n".join(misfits)


def test_what_is_no_run_of_pocket_clients_is_refused_before_a_turn_is_read(run, capsys):
    client = run / "sessions/65/client.json"
    client.write_text(json.dumps(json.loads(client.read_text()) | {"reason": "I cannot sleep."}))
    (run / "sessions/65/turns.jsonl").write_text("damaged\n")
    with pytest.raises(SystemExit):
        main([str(run)])
    assert "only runs with the clients of pocket/data can be checked" in capsys.readouterr().err


def test_other_clients_and_other_folders_are_refused(run, capsys):
    client = run / "sessions/65/client.json"
    client.write_text(json.dumps(json.loads(client.read_text()) | {"reason": "I cannot sleep."}))
    for folder, message in ((run, "is no pocket client"), (run.parent, "is not a run")):
        with pytest.raises(SystemExit):
            main([str(folder)])
        assert message in capsys.readouterr().err
