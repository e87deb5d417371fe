"""The end tokens of a model's folder, from whichever file names them; nothing else of its generation settings."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

from mirror.models.generation_config import end_of, end_tokens, ends_only

TOKENIZER = SimpleNamespace(bos_token_id=1, eos_token_id=2, pad_token_id=0)


def write(folder, **files):
    for name, values in files.items():
        (folder / f"{name}.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({}, [2]),
        ({"generation_config": {"eos_token_id": 7}}, [2, 7]),
        ({"generation_config": {"eos_token_id": [9, 2, 7]}}, [2, 7, 9]),
        ({"generation_config": {"eos_token_id": None}, "config": {"eos_token_id": 5}}, [2, 5]),
        ({"generation_config": {"eos_token_id": 7}, "config": {"eos_token_id": 5}}, [2, 7]),
        ({"config": {"text_config": {"eos_token_id": 5}}}, [2, 5]),
        ({"config": {"eos_token_id": 6, "text_config": {"eos_token_id": 5}}}, [2, 6]),
        ({"config": {"text_config": "llama"}}, [2]),
    ],
)
def test_end_tokens_are_those_of_the_folder_and_of_its_tokenizer(files, ends, tmp_path):
    assert ends_only(write(tmp_path, **files), TOKENIZER).eos_token_id == ends


def test_nothing_but_end_tokens_is_taken(tmp_path):
    own = {"eos_token_id": 7, "temperature": 0.1, "do_sample": True, "num_beams": 4, "max_length": 3}
    found = ends_only(write(tmp_path, generation_config=own), TOKENIZER)
    assert found.to_diff_dict().keys() <= {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version"}
    assert (found.bos_token_id, found.pad_token_id) == (1, 0)


def test_a_tokenizer_without_padding_pads_with_an_end_token_and_one_without_an_end_needs_the_folders(tmp_path):
    bare = SimpleNamespace(bos_token_id=None, eos_token_id=None, pad_token_id=None)
    with pytest.raises(ValueError, match="neither generation_config.json nor the tokenizer names an end token"):
        ends_only(tmp_path, bare)
    found = ends_only(write(tmp_path, generation_config={"eos_token_id": [8, 3]}), bare)
    assert (found.eos_token_id, found.pad_token_id) == ([3, 8], 3)


@pytest.mark.parametrize("named", ["2", True, [2, None], 2.0, {}])
def test_what_is_no_token_is_refused_by_its_file(named, tmp_path):
    with pytest.raises(ValueError, match="config.json: eos_token_id must be a token id or a list of them, found"):
        ends_only(write(tmp_path, config={"eos_token_id": named}), TOKENIZER)


def test_end_tokens_of_a_model_are_a_list_in_order():
    for given_, ends in ((2, [2]), ([9, 2], [2, 9])):
        model = SimpleNamespace(generation_config=GenerationConfig(eos_token_id=given_))
        assert end_tokens(model) == ends


@given(st.lists(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_an_answer_ends_at_its_first_end_token(ids, ends):
    place = end_of(ids, ends)
    before = ids if place is None else ids[:place]
    assert not ends & set(before) and (place is None or ids[place] in ends)
