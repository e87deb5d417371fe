"""Parsing a judge's answer: which texts have valid scores, and how much work the others take."""

import json

import pytest

from mirror.rating.answer import Unparsable, read_answer

CHOICES = {"helpful": (1, 2, 3, 4, 5), "empathy": (1, 2, 3, 4, 5)}
MALFORMED = {
    "words": "I would say 4.",
    "cut off": '{"reason": "because", "helpful": 4, "emp',
    "no item": '{"reason": "because", "helpful": 4}',
    "off the scale": '{"helpful": 6, "empathy": 0}',
    "a share": '{"helpful": "4/5", "empathy": 2}',
    "a number in words": '{"helpful": "four", "empathy": 2}',
    "a number as a text off the scale": '{"helpful": "9", "empathy": 2}',
    "two objects": '{"helpful": 4, "empathy": 2}\n{"helpful": 5, "empathy": 2}',
    "a draft and a rating": 'First {"helpful": 3}, then {"helpful": 4, "empathy": 2}',
    "one value twice": '{"helpful": 4, "helpful": 5, "empathy": 2}',
    "inside another object": '{"ratings": {"helpful": 4, "empathy": 2}}',
    "a number without end": '{"helpful": ' + "1" * 9999 + "}",
    "between two": '{"helpful": 3.5, "empathy": 2}',
    "null": '{"helpful": null, "empathy": 2}',
    "a truth value": '{"helpful": true, "empathy": 2}',
    "a list": "[4, 2]",
    "a nested list": '{"helpful": [4], "empathy": 2}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_an_answer_in_another_form_is_no_rating(text):
    with pytest.raises(Unparsable):
        read_answer(text, CHOICES)


OBJECT = '{"helpful": 4, "empathy": 2}'
READ = {
    "a float": '{"helpful": 4, "empathy": 2.0}',
    "numbers as texts": '{"helpful": "4", "empathy": " 2 "}',
    "a fence": '```json\n{"empathy": 2, "helpful": 4, "x": 1}\n```',
    "prose": f"Here is my rating:\n{OBJECT}\nI hope it helps.",
    "prose and a fence": f"Here it is:\n```json\n{OBJECT}\n```\nThat is all.",
    "braces in prose": f"By {{the book}} and {{}}: {OBJECT}",
    "another object": f'{{"note": 1}} {OBJECT}',
    "the same twice": f"{OBJECT} As I said: {OBJECT}",
    "a quote before": f'She said "well: {OBJECT}',
    "an open brace before": "{ " + OBJECT,
    "many open braces before": "{ " * 1000 + OBJECT,
    "a reason of several lines": OBJECT[:-1] + ', "reason": "one\ntwo"}',
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_what_means_the_same_is_read(text):
    scores, reason = read_answer(text, CHOICES)
    assert scores == {"helpful": 4, "empathy": 2} and reason in ("", "one\ntwo")
    assert all(type(score) is int for score in scores.values())


HOSTILE = {
    "blanks in a fence": "```json" + " " * 100_000,
    "fences": "```json   " * 10_000,
    "braces": "{" * 100_000,
    "nested": '{"a":' * 20_000,
    "open texts": '{"a' * 30_000,
    "lists": '{"a":[' * 17_000,
    "quotes": '{"' * 50_000,
    "values": '{"a": "' + '\\"' * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_gone_through_a_bounded_number_of_times(text, monkeypatch):
    """Counted, not timed: the characters that the decoder was given before it stopped."""
    read = tried = 0

    def counted(self, text, place):
        nonlocal read, tried
        tried += 1
        try:
            return decode(self, text, place)
        except json.JSONDecodeError as error:
            read += (len(text) if error.msg.startswith("Unterminated") else error.pos) - place
            raise
        except RecursionError:
            read += len(text)
            raise

    decode = json.JSONDecoder.raw_decode
    monkeypatch.setattr(json.JSONDecoder, "raw_decode", counted)
    with pytest.raises(Unparsable):
        read_answer(text, CHOICES)
    assert read <= 22 * len(text) and tried <= 101
