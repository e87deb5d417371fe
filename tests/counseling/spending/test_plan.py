"""The plan of a study: by hand for round rates, in proportion to its size, and by the command."""

import re
import sys
from dataclasses import fields

import pytest

from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.plan import BLOCK, RATES, Rates, Size, main, plan
from tests import ROOT

ROUND = Rates(2.0, 1.0, 1.5, 1000.0, 100.0, 1000.0, 100.0, 2.0, 1.0, 10.0)


def test_a_plan_is_what_its_rates_come_to():
    found = plan(Size(clients=90, arms=2, turns=5, gpus=3), ROUND)
    assert (found["sessions"], found["turns"], found["faces painted"]) == (180, 900, 1350)
    assert found["GPU hours"] == 1.0 and found["hours"] == pytest.approx(1 / 3)  # 900 turns of 1.5 × 2 + 1 s
    assert found["dollars, GPUs"] == 2.0
    assert found["tokens of endpoints"] == 990_000 and found["dollars, endpoints"] == pytest.approx(0.9 + 0.9)
    assert found["files"] == 900 * 2.5 + 180 * 4 and found["folders"] == 360
    pictures, texts = 2250 * (1000 + BLOCK / 2), 900 * 100 + 720 * BLOCK / 2
    assert found["disk, bytes"] == pictures + texts and found["in pictures"] == pictures / (pictures + texts)


def test_every_rate_can_be_given():
    assert list(RATES) == [f"--{field.name.replace('_', '-')}" for field in fields(Rates)]


def test_twice_the_clients_take_twice_of_everything():
    one, two = (plan(Size(clients, 2, 5, 3), ROUND) for clients in (90, 180))
    assert all(two[name] == pytest.approx(2 * value) for name, value in one.items() if name != "in pictures")


def test_rates_come_from_the_settings():
    settings = CounselSettings.from_file("params/counsel/mirror-7b-planning.yaml", check_files=False)
    rates = Rates.of(settings)
    assert rates.picture_bytes == pytest.approx(336**2 * 1.6)
    assert (
        1.5 < rates.face_seconds < 1.6 and 0.085 < rates.reply_seconds < 0.095
    )  # the H200 at 16 sessions, a plan in 20 turns
    assert rates.tokens_read > 10 * rates.tokens_written > 0
    text = CounselSettings.from_file("params/counsel/openai-text.yaml", check_files=False)
    assert Rates.of(text).reply_seconds == 0 and Rates.of(text).tokens_read > 0


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["plan", "-f", "params/counsel/pocket-llava.yaml", *words])
    main()


def test_the_command_prints_amounts_and_rates_and_takes_rates_of_its_user(monkeypatch, capsys):
    command(monkeypatch, "--clients", "100", "--arms", "3", "--turns", "4", "--attempts", "1.5", "--gpu-dollars", "7")
    rows = dict(line.strip().rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines() if "disk" not in line)
    rows = {name.strip(): amount for name, amount in rows.items()}
    assert (rows["sessions"], rows["turns"], rows["faces painted"]) == ("300", "1,200", "1,800")
    assert (rows["rate: attempts"], rows["rate: gpu dollars"], rows["files"]) == ("1.5", "7", "4,200")


@pytest.mark.parametrize("words", [["--clients", "0"], ["--clients", "3", "--attempts", "-1"], ["--clients", "x"]])
def test_what_is_no_size_or_rate_is_refused(monkeypatch, capsys, words):
    with pytest.raises(SystemExit) as ended:
        command(monkeypatch, *words)
    assert ended.value.code == 2 and "argument --" in capsys.readouterr().err


def test_several_sessions_per_client_are_so_many_sessions():
    assert plan(Size(30, 2, 5, 3, sessions=3), ROUND) == plan(Size(90, 2, 5, 3), ROUND)


def test_the_numbers_of_the_path_for_7b_are_those_of_its_command(monkeypatch, capsys):
    text = " ".join((ROOT / "docs/real.md").read_text(encoding="utf-8").split())
    words = re.search(r"`python -m mirror\.counseling\.spending\.plan (.+?)`", text)[1].split()

    def printed(*more):
        monkeypatch.setattr(sys, "argv", ["plan", *words, *more])
        main()
        return dict(re.findall(r"^ *(.+?) +([\d,.]+)", capsys.readouterr().out, re.MULTILINE))

    one, eight = printed(), printed("--gpus", "8")
    assert (
        f"{one['turns']} turns, {one['GPU hours']} GPU hours ({eight['hours']} hours with 8 GPUs), "
        f"${one['dollars, GPUs']} for GPUs, ${float(one['dollars, endpoints']):.2f} for the clients, "
        f"{one['files']} files and {one['disk, GB']} GB"
    ) in text
