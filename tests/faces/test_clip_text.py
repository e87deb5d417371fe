"""Text as CLIP reads it."""

import pytest

from mirror.faces import clip_text
from mirror.faces.clip_text import fit, repeat_person, split_at_trigger, tokens, without_trigger
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(input_path("pocket/models/clip-pocket"))


def test_a_prompt_is_split_where_the_trigger_stands():
    assert split_at_trigger("photo of a man img, sad eyes") == ("photo of a man", ", sad eyes")
    assert split_at_trigger("a man img") == ("a man", "")
    assert split_at_trigger("an imgage of a man img sad") == ("an imgage of a man", "sad")


@pytest.mark.parametrize("prompt", ["a man, sad", "a man img, a woman img", "img, sad", "imgage of a man", ""])
def test_a_prompt_without_one_marked_person_is_refused(prompt):
    with pytest.raises(ValueError, match="needs the trigger word 'img' once, behind the word for the person"):
        split_at_trigger(prompt)


def test_a_prompt_without_its_trigger_is_the_same_words():
    assert without_trigger("photo of a man img, sad eyes") == "photo of a man , sad eyes"


def test_the_person_is_repeated_and_told_where(tokenizer):
    ids, place = repeat_person(tokenizer, "photo of a man img, sad", 3)
    (person,) = tokens(tokenizer, "man")
    before, after = tokens(tokenizer, "photo of a"), tokens(tokenizer, ", sad")
    assert ids == [*before, person, person, person, *after]
    assert place == len(before) + 1, "the begin token stands at 0"


def test_a_person_who_stands_behind_what_clip_reads_is_refused(tokenizer):
    most = tokenizer.model_max_length - 2
    words = "a " * (most - 2) + "man img"
    ids, place = repeat_person(tokenizer, words, 2)
    assert len(ids) == most and place == most - 1
    with pytest.raises(ValueError, match=f"the person stands at token {most - 1} of .* and CLIP reads {most}; put the"):
        repeat_person(tokenizer, words, 3)


def test_text_is_padded_or_truncated_to_the_encoders_length(tokenizer, caplog, monkeypatch):
    monkeypatch.setattr(clip_text, "_warned", set())
    length, room = tokenizer.model_max_length, tokenizer.model_max_length - 2
    ids = tokens(tokenizer, "a man")
    assert fit(tokenizer, ids) == [
        tokenizer.bos_token_id,
        *ids,
        tokenizer.eos_token_id,
        *[tokenizer.pad_token_id] * (length - 2 - len(ids)),
    ]
    (one,) = tokens(tokenizer, "a")
    whole = fit(tokenizer, [one] * room)
    assert whole == [tokenizer.bos_token_id, *[one] * room, tokenizer.eos_token_id] and not caplog.records
    assert fit(tokenizer, [one] * (room + 2)) == whole and fit(tokenizer, [one] * (room + 5)) == whole
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"CLIP reads {room} tokens; longer texts are truncated, here by 'a a'")
