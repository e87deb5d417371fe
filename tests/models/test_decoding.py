"""Decoding with a static cache: the same tokens as with a dynamic one, whatever the bucket. Compiles nothing."""

import copy
import logging
from argparse import Namespace
from dataclasses import replace

import pytest
import torch
from PIL import Image
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from mirror.counseling.speaker import LlavaSpeaker
from mirror.models import decoding
from mirror.models.decoding import Decoder, batch_size, first_rows, has_static_cache, rounded_up
from mirror.models.families.images import one_by_one
from mirror.models.families.vlm import generate_ids
from mirror.models.gpu.cuda_graph import recorded
from mirror.models.llava import load
from mirror.models.lora import add_lora
from mirror.models.memory.rotation import Rotation
from mirror.models.sampling import SeededSampling
from tests.tiny_llava import BASE, shake

ENDS = list(range(56, 64))
PROMPTS = [[1 + (n * k) % 50 for k in range(3 + n)] for n in range(16)]


@pytest.fixture(scope="module")
def model():
    """Random weights; an eighth of the vocabulary ends a row, so that rows end early, each elsewhere."""
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=64, initializer_range=0.3, pad_token_id=0, eos_token_id=ENDS, **shape)
    return LlamaForCausalLM(config).eval()


def decoder(model, static):
    """A decoder; on a CPU a static one is chosen by tests alone, and compiles nothing."""
    made = Decoder(model, 0)
    made.static = static
    return made


def answers(made, places, temperature=1.0, tokens=20):
    """Each row's tokens up to its end."""
    rows = made.generate([PROMPTS[n] for n in places], tokens, SeededSampling(list(places), temperature, 0.95))
    return [row[: next((n for n, token in enumerate(row) if token in ENDS), len(row))] for row in rows]


def calls_of(model, monkeypatch):
    """A list that will hold the options of each call of the model's `generate`."""
    calls, generate = [], model.generate

    def recorded(**options):
        calls.append(options)
        return generate(**options)

    monkeypatch.setattr(model, "generate", recorded)
    return calls


def test_a_count_of_prompts_has_few_sizes():
    assert [batch_size(n) for n in (1, 2, 4, 5, 8, 9, 16, 17, 32, 33)] == [1, 4, 4, 8, 8, 16, 16, 32, 32, 48]
    assert len({batch_size(n) for n in range(1, 17)}) == 4


def test_a_length_is_rounded_up():
    assert [rounded_up(n, 64) for n in (1, 63, 64, 65, 1329)] == [64, 64, 64, 128, 1344]


@pytest.mark.parametrize("static", [False, True])
def test_replies_are_the_same_in_batches_of_1_8_and_16(model, static):
    made = decoder(model, static)
    together = answers(made, range(16))
    assert len(set(map(len, together))) > 4  # some end before others
    assert answers(made, range(8)) + answers(made, range(8, 16)) == together
    assert [answers(made, [n])[0] for n in range(16)] == together


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_static_cache_gives_the_tokens_of_a_dynamic_one(model, temperature):
    static, dynamic = decoder(model, True), decoder(model, False)
    for places in ([3], range(16), range(3), [7, 2, 9, 1, 0], [3]):
        assert answers(static, places, temperature) == answers(dynamic, places, temperature)


def test_a_static_batch_is_filled_with_copies_of_its_last_row(model, monkeypatch):
    made, calls = decoder(model, True), calls_of(model, monkeypatch)
    assert len(made.generate([PROMPTS[0], PROMPTS[5], PROMPTS[2]], 4)) == 3
    ids, mask = calls[-1]["input_ids"], calls[-1]["attention_mask"]
    assert ids.shape == mask.shape == (4, decoding.PROMPT_STEP)
    assert ids[3].equal(ids[2]) and mask[3].equal(mask[2])
    assert ids[1, -8:].tolist() == PROMPTS[5] and mask.sum(1).tolist() == [3, 8, 5, 5]
    cache = calls[-1]["past_key_values"].layers[0]
    assert cache.keys.shape[0] == 4 and cache.keys.shape[2] == decoding.CACHE_STEP


def test_a_dynamic_batch_is_what_was_given(model, monkeypatch):
    made, calls = decoder(model, False), calls_of(model, monkeypatch)
    made.generate(PROMPTS[:3], 4)
    assert calls[-1]["input_ids"].shape == (3, 5) and "past_key_values" not in calls[-1]


def test_a_smaller_batch_uses_the_first_rows_of_the_cache_at_its_address(model):
    """A CUDA graph reads from the address that it was recorded with."""
    made = decoder(model, True)
    made.warm_up([16, 1], 100)
    whole = made._cache
    addresses = [(layer.keys.data_ptr(), layer.values.data_ptr()) for layer in whole.layers]
    for rows in (16, 4, 1):
        part = first_rows(whole, rows)
        assert [(layer.keys.data_ptr(), layer.values.data_ptr()) for layer in part.layers] == addresses
        assert {layer.keys.shape[0] for layer in part.layers} == {rows}
    for places in (range(16), [1], range(5)):
        answers(made, places)
        assert made._cache is whole
    answers(made, [1], tokens=decoding.CACHE_STEP)
    assert made._cache is not whole and (made._rows, made._length) == (16, 2 * decoding.CACHE_STEP)


def test_layers_with_a_window_keep_all_positions_and_give_the_tokens_of_a_dynamic_cache():
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    layers = ["sliding_attention", "full_attention"]
    config = Gemma2Config(vocab_size=64, num_hidden_layers=2, layer_types=layers, sliding_window=4, head_dim=8, **shape)
    windowed = Gemma2ForCausalLM(config).eval()
    windowed.generation_config.eos_token_id = ENDS
    torch.nn.init.normal_(windowed.model.embed_tokens.weight, std=0.3)
    assert has_static_cache(windowed)
    static = decoder(windowed, True)
    found = answers(static, range(5))
    assert found == answers(decoder(windowed, False), range(5))
    assert {layer.keys.shape[2] for layer in static._cache.layers} == {decoding.CACHE_STEP}
    config.sliding_window = 100
    assert answers(decoder(windowed, False), range(5)) != found  # the window tells


@pytest.mark.parametrize(
    ("kind", "layers", "expected"),
    [
        ("llama", None, True),
        ("llama", ["sliding_attention", "full_attention"], True),
        ("llama", ["linear_attention", "full_attention"], False),
        ("unknown", None, False),
        ("smolvlm", None, True),  # its class says no, of a pass with images
    ],
)
def test_a_step_can_be_compiled_if_all_layers_attend(kind, layers, expected):
    config = Namespace(model_type=kind, get_text_config=lambda decoder: Namespace(layer_types=layers))
    assert has_static_cache(Namespace(config=config, _can_compile_fullgraph=kind == "llama")) is expected


def test_nothing_of_an_earlier_batch_is_left(model):
    made = decoder(model, True)
    alone = answers(made, [4])
    answers(made, range(16), tokens=200)
    assert answers(made, [4]) == alone


def test_warming_up_runs_each_size_and_length_once(model, monkeypatch, caplog):
    made, calls = decoder(model, True), calls_of(model, monkeypatch)
    caplog.set_level(logging.INFO, decoding.__name__)
    made.warm_up(range(1, 10), 700)
    assert [call["input_ids"].shape[0] for call in calls] == [16, 8, 4, 1]
    assert {call["past_key_values"].layers[0].keys.shape[2] for call in calls} == {1024}
    assert all(call["min_new_tokens"] == call["max_new_tokens"] == decoding.WARM_UP_TOKENS for call in calls)
    assert "compiling the decoding step for batches of [16, 8, 4, 1]" in caplog.text
    made.warm_up([3, 7], 700)
    made.warm_up([], 700)
    assert len(calls) == 4
    made.warm_up([3], 700, "another version")
    made.warm_up([3], 1025)
    assert len(calls) == 6


def test_on_a_cpu_there_is_nothing_to_warm_up(model, monkeypatch):
    calls = calls_of(model, monkeypatch)
    Decoder(model, 0).warm_up([1, 16], 100)
    assert not calls


def test_a_gpu_without_a_compiler_decodes_eagerly_and_says_so(model, monkeypatch, caplog):
    class OnGpu:
        device = torch.device("cuda")

    monkeypatch.setenv("CC", "no-such-compiler")
    assert not Decoder(OnGpu(), 0).static
    assert "replies are decoded without compilation" in caplog.text and len(caplog.records) == 1


# With images and adapters ---------------------------------------------------------------------------------------------


def asked(llava, static, adapter=True):
    llava.decoder.static = static
    speaker = LlavaSpeaker(llava, 1.0, 0.95, max_tokens=12, adapter=adapter)
    speaker.warm_up(3, 100)
    prompts = [f"<image>\n{'Who is it? ' * n}" for n in (1, 4, 2)]
    images = [Image.new("RGB", (56, 56), color) for color in ("red", "green", "blue")]
    return [answer.text for answer in speaker.answer(prompts, images, [1, 2, 3])]


def test_a_speaker_gives_the_same_replies_with_a_static_cache_with_and_without_its_adapter():
    llava = load(str(BASE))
    shake(add_lora(llava.model, 8, 16, 0.0, 0).eval())
    found = {(static, adapter): asked(llava, static, adapter) for adapter in (True, False) for static in (False, True)}
    assert found[True, True] == found[False, True] != found[True, False] == found[False, False]
    assert asked(llava, True) == found[False, True]
    assert {version for *_, version in llava.decoder._ready} == {"adapter: True", "adapter: False"}


@pytest.mark.parametrize("static", [False, True])
def test_a_speaker_that_takes_turns_gives_the_same_replies_with_and_without_its_adapter(static):
    llava = load(str(BASE))
    shake(add_lora(llava.model, 8, 16, 0.0, 0).eval())
    expected = [asked(llava, static, adapter) for adapter in (True, False)]
    rotation = Rotation("cpu", {"counselor", "painter"})
    seated = replace(llava, seat=rotation.join("counselor", [llava.model]))
    painter = rotation.join("painter", [torch.nn.Linear(2, 2)])
    for adapter in (True, False, True):
        with painter:
            assert not seated.seat.stored.awake
        assert asked(seated, static, adapter) == expected[not adapter]
    assert seated.seat.stored.awake


def test_graphs_hold_addresses_so_weights_that_move_are_decoded_without_them(model):
    backends = {}
    for resting in ((), ("counselor",)):
        seat = Rotation("cpu", resting).join("counselor", [copy.deepcopy(model)])
        backends[seat.moves] = Decoder(model, 0, seat).backend
    assert backends == {False: recorded, True: "inductor"} and Decoder(model, 0).backend is recorded


def test_images_are_copied_with_their_rows(llava, monkeypatch):
    made = Decoder(llava.model, llava.tokenizer.pad_token_id)
    made.static = True
    calls = calls_of(llava.model, monkeypatch)
    ids = [5, *[llava.image_token_id] * llava.image_tokens, 6]
    pixels = llava.pixel_values([Image.new("RGB", (56, 56), color) for color in ("red", "blue")])
    made.generate([ids, ids], 2, images=one_by_one(pixels))
    assert calls[-1]["pixel_values"].equal(pixels[[0, 1, 1, 1]])


def test_greedy_answers_with_images_are_the_same_with_a_static_cache():
    llava = load(str(BASE))
    image = Image.new("RGB", (56, 56), "red")
    dynamic = generate_ids(llava, ["<image>\nWho?"], [image], 10)
    llava.decoder.static = True
    assert generate_ids(llava, ["<image>\nWho?"], [image], 10) == dynamic
