"""The power of registered hypotheses, alone and in Holm's correction."""

import pytest

from mirror.analysis.registration.plan import read_registration
from mirror.analysis.registration.power import formatted, power_table
from mirror.statistics import clients_needed, power_of
from tests.registered_studies import FACE, MORE, write_registration


def test_power_is_that_of_the_registered_clients_and_of_the_first_step_of_the_correction(tmp_path):
    plan = read_registration(write_registration(tmp_path / "a.yaml", [MORE, FACE | {"effect": 0.4}], clients=24))
    first, second = power_table(plan).to_dict("records")
    assert first["n"] == 24 and first["alone"] == power_of(24, 0.8) and first["corrected"] == power_of(24, 0.8, 0.975)
    assert second["clients"] == clients_needed(0.4, 0.8, 0.975) and second["compared"].startswith("(m-ec − ")
    assert power_table(plan, 40)["alone"][1] == power_of(40, 0.4)
    shown = formatted(power_table(plan))
    assert shown["power, alone"][0] == "96%" and shown["clients for 80%"][0] == 18


def test_one_hypothesis_needs_no_correction(tmp_path):
    row = power_table(read_registration(write_registration(tmp_path / "a.yaml", [MORE]))).iloc[0]
    assert row["alone"] == pytest.approx(row["corrected"])
