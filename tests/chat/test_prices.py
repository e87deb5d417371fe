"""Prices of tokens: read from one line, and held against the models in use."""

import pytest
from PIL import Image

from mirror.chat.messages import Message
from mirror.chat.prices import IMAGE, Price, expected_prompt_tokens, expected_tokens, parse_prices, price_faults


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


def test_tokens_are_expected_by_characters_messages_and_images():
    assert [expected_tokens(text) for text in ("", "word", "words")] == [0, 1, 2]
    image = Image.new("RGB", (8, 8))
    assert expected_prompt_tokens([Message("user", "12345678")]) == 2 + 4 + 4
    asked = [Message("system", "12345"), Message("user", "1234", (image, image))]
    assert expected_prompt_tokens(asked) == 2 + 4 + 1 + 4 + 2 * IMAGE + 4
