"""Prices of tokens: read from one line, and held against the models in use."""

import pytest

from mirror.chat.prices import Price, parse_prices, price_faults


def test_prices_are_read_by_model():
    found = parse_prices(" gpt-4o-mini  0.15/0.60 , org/other-model 1 / 2")
    assert found == {"gpt-4o-mini": Price(0.15, 0.60), "org/other-model": Price(1.0, 2.0)}
    assert parse_prices("") == parse_prices("  ") == {}


def test_a_cost_is_in_dollars_per_million_tokens_of_each_kind():
    assert Price(0.15, 0.60).cost(2_000_000, 1_000_000) == pytest.approx(0.90)
    assert Price(3, 5).cost(0, 0) == 0


@pytest.mark.parametrize("line", ["m", "m 1", "m 1/", "m -1/2", "m 1/2/3", "m 1e3/2", "1/2", "m 1/2,", "m nan/1"])
def test_what_is_no_price_is_refused_with_the_form_of_one(line):
    with pytest.raises(ValueError, match="is no price; write the model, a space, and dollars"):
        parse_prices(line)
    (fault,) = price_faults(line, {"client": "m"})
    assert fault.startswith("prices: ")


def test_a_price_of_a_model_that_no_role_uses_is_a_fault():
    models = {"client": "b", "counselor": "a", "describer": "b"}
    assert price_faults("a 1/2, b 3/4", models) == []
    assert price_faults("c 1/2", models) == ["prices names c, which no role uses; the models in use are a, b"]
    assert price_faults("c 1/2", {}) == ["prices names c, which no role uses; the models in use are none"]
