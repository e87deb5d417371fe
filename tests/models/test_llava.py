"""LLaVA in both published formats, held to what the published implementation computed (tests/data/llava-tiny)."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mirror.counseling.speaker import LlavaSpeaker
from mirror.models.families.vlm import generate, generate_ids
from mirror.models.generation_config import ends_only
from mirror.models.llava import check_size, load, pad_to_square, unused_tokens
from mirror.models.llava_chat import prompt_text, tokenize, tokenize_prompt
from mirror.models.sampling import SeededSampling
from mirror.models.weights import model_folder
from mirror.paths import repository_root
from tests.tiny_llava import BASE, GOLDEN, greedy_ids, logits

IMAGE = -200  # how the golden token ids mark the image


@pytest.fixture(scope="module")
def expected():
    return load_file(GOLDEN / "expected.safetensors"), json.loads((GOLDEN / "expected.json").read_text())


@pytest.fixture(scope="module")
def llava():
    return load(str(BASE))


def test_prompt_and_its_token_ids_are_the_published_ones(llava, expected):
    tensors, texts = expected
    assert prompt_text(texts["human"]) == texts["prompt"]
    assert tokenize_prompt(llava.tokenizer, texts["human"], IMAGE, 1) == tensors["input_ids"].tolist()


def test_training_token_ids_and_labels_are_the_published_ones(llava, expected):
    tensors, texts = expected
    tokens = tokenize(llava.tokenizer, [(texts["human"], texts["gpt"])], IMAGE, 1)
    assert tokens.input_ids == tensors["train_input_ids"].tolist()
    assert tokens.labels == tensors["train_labels"].tolist()


def test_pixel_values_are_the_published_ones(llava, expected):
    image = Image.open(GOLDEN / "image.png")
    assert image.width != image.height  # else the padding to a square would not be seen
    torch.testing.assert_close(llava.pixel_values([image])[0], expected[0]["pixel_values"], atol=1e-5, rtol=0)


def test_base_logits_are_the_published_ones(llava, expected):
    tensors, texts = expected
    found = logits(llava, texts["human"], tensors["pixel_values"][None])
    vocabulary = tensors["base_logits"].shape[1]
    torch.testing.assert_close(found[:, :vocabulary], tensors["base_logits"], atol=1e-4, rtol=0)


def test_greedy_tokens_are_the_published_ones(llava, expected):
    tensors, texts = expected
    wanted = tensors["base_generated"].tolist()[1:]  # the published list opens with the start token
    assert greedy_ids(llava, texts["human"], tensors["pixel_values"][None], len(wanted)) == wanted


def test_generate_gives_the_same_answers_in_any_batch(llava, expected):
    """Left padding and its attention mask: a short prompt answers alike alone and beside a long one."""
    human = expected[1]["human"]
    prompts = [human, human + " And then?" * 9, "<image>\nWell?"]
    images = [Image.open(GOLDEN / "image.png"), Image.new("RGB", (40, 90), "navy"), Image.new("L", (64, 64), 200)]
    together = generate(llava, prompts, images, 12)
    alone = [generate(llava, [prompt], [image], 12)[0] for prompt, image in zip(prompts, images, strict=True)]
    assert together == alone
    assert len(set(together)) == 3


def test_answers_never_hold_the_image_padding_or_filler_tokens(llava):
    banned = unused_tokens(llava.model.config, llava.tokenizer)
    assert llava.image_token_id in banned and llava.tokenizer.pad_token_id in banned
    assert banned[-1] == llava.model.config.text_config.vocab_size - 1
    assert not set(banned) & set(range(480))  # the original's own vocabulary stays


def test_llava_hf_folder_with_published_weight_names_loads(tmp_path, llava, expected):
    """The published repositories name their weights as transformers 4 did."""
    tensors, texts = expected
    llava.model.save_pretrained(tmp_path)
    llava.save_processor(tmp_path)
    names = {"model.language_model.": "language_model.model.", "lm_head.": "language_model.lm_head."}
    names |= {"model.vision_tower.": "vision_tower.vision_model.", "model.multi_modal": "multi_modal"}
    old = load_file(tmp_path / "model.safetensors")
    renamed = {}
    for key, tensor in old.items():
        prefix = next(p for p in names if key.startswith(p))
        renamed[names[prefix] + key.removeprefix(prefix)] = tensor
    save_file(renamed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    again = load(str(tmp_path))
    torch.testing.assert_close(
        logits(again, texts["human"], tensors["pixel_values"][None]),
        logits(llava, texts["human"], tensors["pixel_values"][None]),
    )


def test_sharded_original_weights_load(tmp_path, expected):
    tensors, texts = expected
    shutil.copytree(BASE, tmp_path / "base")
    shutil.copytree(GOLDEN / "clip-tiny", tmp_path / "clip-tiny")
    weights = torch.load(BASE / "pytorch_model.bin", weights_only=True)
    index = {}
    for number, keys in enumerate((list(weights)[::2], list(weights)[1::2]), 1):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({key: weights[key] for key in keys}, tmp_path / "base" / name)
        index |= dict.fromkeys(keys, name)
    (tmp_path / "base" / "pytorch_model.bin").unlink()
    (tmp_path / "base" / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))
    found = logits(load(str(tmp_path / "base")), texts["human"], tensors["pixel_values"][None])
    torch.testing.assert_close(found[:, :480], tensors["base_logits"], atol=1e-4, rtol=0)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    shutil.copytree(BASE, tmp_path / "base")
    weights = torch.load(BASE / "pytorch_model.bin", weights_only=True)
    del weights["model.mm_projector.2.bias"]
    torch.save(weights, tmp_path / "base" / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"missing .*multi_modal_projector.linear_2.bias"):
        load(str(tmp_path / "base"), vision_tower=str(GOLDEN / "clip-tiny"))


@pytest.mark.parametrize("missing", ["mm_vision_tower", "mm_vision_select_layer"])
def test_a_config_that_lacks_an_entry_names_it(tmp_path, missing):
    shutil.copytree(BASE, tmp_path / "base")
    config = json.loads((BASE / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != missing}))
    with pytest.raises(ValueError, match=f"base/config.json: {missing} missing"):
        load(str(tmp_path / "base"))


def test_original_weights_of_another_vocabulary_are_named(tmp_path):
    shutil.copytree(BASE, tmp_path / "base")
    weights = torch.load(BASE / "pytorch_model.bin", weights_only=True)
    for tensor, message in ((torch.zeros(999, 64), "found 999 rows"), (None, "found none")):
        torch.save(weights | {"lm_head.weight": tensor}, tmp_path / "base" / "pytorch_model.bin")
        with pytest.raises(ValueError, match=f"lm_head.weight must have at most .* rows, .*{message}"):
            load(str(tmp_path / "base"), vision_tower=str(GOLDEN / "clip-tiny"))


def test_a_folder_with_fp16_shards_alone_is_the_same_model(tmp_path):
    folder = copied(POCKET, tmp_path / "a [b]")
    weights = load_file(folder / "model.safetensors")
    names = [f"model.fp16-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for name, keys in zip(names, (sorted(weights)[::2], sorted(weights)[1::2]), strict=True):
        save_file({key: weights[key] for key in keys}, folder / name, metadata={"format": "pt"})
    places = {key: names[number % 2] for number, key in enumerate(sorted(weights))}
    (folder / "model.fp16.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "model.safetensors").unlink()
    wanted, found = load(str(POCKET)).model, load(str(folder)).model
    assert all(torch.equal(w, found.state_dict()[key]) for key, w in wanted.state_dict().items())
    assert found.name_or_path == found.config.name_or_path == str(folder)


def test_weights_that_lack_a_layer_are_refused_and_not_made_up(tmp_path):
    """transformers itself draws what is missing at random and logs a warning."""
    folder = copied(POCKET, tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    key = next(key for key in weights if "layers.0.mlp" in key)
    save_file({k: w for k, w in weights.items() if k != key}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match="1 weights of a LlavaForConditionalGeneration are missing, e.g. .*layers.0.mlp"
    ):
        load(str(folder))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    shutil.copytree(BASE, tmp_path / "base")
    torch.save({"model.embed_tokens.weight": Trap()}, tmp_path / "base" / "pytorch_model.bin")
    with pytest.raises(Exception, match="(?i)weights.only"):
        load(str(tmp_path / "base"), vision_tower=str(GOLDEN / "clip-tiny"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, "model_type must be llava or llava_llama, found 'llama'"),
        ({"mm_projector_type": "linear"}, "mm_projector_type must be mlp2x_gelu"),
        ({"mm_vision_select_feature": "cls"}, "mm_vision_select_feature must be patch or cls_patch, found 'cls'"),
    ],
)
def test_what_is_no_llava_1_5_is_refused(tmp_path, change, message):
    shutil.copytree(BASE, tmp_path / "base")
    config = json.loads((BASE / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "base"))


def test_missing_models_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no model folder ./nowhere"):
        model_folder("./nowhere")
    with pytest.raises(FileNotFoundError, match="no config.json"):
        load(str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="was not found locally or on the Hub"):
        model_folder("mirror-tests/never-published")


def test_another_size_than_declared_is_refused(tmp_path):
    check_size(str(BASE), "", "pocket")
    with pytest.raises(ValueError, match="size is 7b, but .* has hidden size 64 and 2 layers"):
        check_size(str(BASE), "", "7b")
    published = {"model_type": "llava", "text_config": {"model_type": "llama"}}  # 7b's config leaves the defaults out
    (tmp_path / "config.json").write_text(json.dumps(published))
    check_size(str(tmp_path), "", "7b")
    with pytest.raises(ValueError, match="size is 13b"):
        check_size(str(tmp_path), "", "13b")


def test_padding_centres_the_image_on_the_mean_colour():
    square = pad_to_square(Image.new("RGB", (20, 40), "white"), [0.5, 0.25, 0.0])
    assert square.size == (40, 40)
    assert square.getpixel((9, 20)) == (127, 63, 0) == square.getpixel((30, 20))
    assert square.getpixel((10, 0)) == (255, 255, 255) == square.getpixel((29, 39))


POCKET = repository_root() / "pocket/models/llava-v1.5-pocket"
OWN_FLAGS = {
    "repetition_penalty": 1.8,
    "no_repeat_ngram_size": 1,
    "encoder_repetition_penalty": 3.0,
    "num_beams": 3,
    "num_return_sequences": 3,
    "do_sample": True,
    "temperature": 9.0,
    "top_k": 1,
    "top_p": 0.01,
    "min_p": 0.9,
    "typical_p": 0.1,
    "penalty_alpha": 0.9,
    "guidance_scale": 3.0,
    "min_length": 400,
    "min_new_tokens": 20,
    "max_length": 3,
    "max_new_tokens": 2,
    "max_time": 1e-9,
    "bad_words_ids": [[345], [291]],
    "suppress_tokens": list(range(300, 900)),
    "begin_suppress_tokens": list(range(300, 900)),
    "forced_bos_token_id": 301,
    "forced_eos_token_id": 302,
    "exponential_decay_length_penalty": [1, 9.0],
    "sequence_bias": [[[345], -50.0]],
    "stop_strings": ["a", "e"],
    "watermarking_config": {"bias": 9.0, "greenlist_ratio": 0.1, "hashing_key": 3},
    "cache_implementation": "nonsense",
    "use_cache": False,
    "renormalize_logits": True,
    "remove_invalid_values": "yes",
    "return_dict_in_generate": True,
    "output_scores": True,
    "an_option_of_tomorrow": [1],
}


def write_json(path, **changes):
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(before | changes))


def copied(source, folder):
    shutil.copytree(source, folder)
    return folder


@pytest.fixture(scope="module", params=["llava-hf", "original"])
def own_settings(request, tmp_path_factory):
    """A folder in each format, a prompt and an image for it, and its answers to that with nothing of its own."""
    human = "<image>\nHow does the client look?"
    source, tower = {"llava-hf": (POCKET, ""), "original": (BASE, str(GOLDEN / "clip-tiny"))}[request.param]
    image = Image.open(GOLDEN / "image.png")
    folder = copied(source, tmp_path_factory.mktemp("own") / "base")
    (folder / "generation_config.json").unlink(missing_ok=True)

    def ask(limit=24):
        sampling = SeededSampling([1], 0.7, 0.9)
        return generate_ids(load(str(folder), vision_tower=tower), [human], [image], limit, sampling)[0]

    return folder, ask, ask()


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_a_models_own_generation_settings_change_no_answer(own_settings, file):
    folder, ask, wanted = own_settings
    before = (folder / file).read_bytes() if (folder / file).is_file() else None
    assert len(wanted) > 3
    try:
        for name, value in OWN_FLAGS.items():
            if file == "config.json" and name not in ("repetition_penalty", "num_beams", "suppress_tokens"):
                continue  # few of them ever stood there
            write_json(folder / file, **{name: value})
        assert ask() == wanted
    finally:
        (folder / file).unlink() if before is None else (folder / file).write_bytes(before)


@pytest.mark.slow
@pytest.mark.parametrize("own_settings", ["llava-hf"], indirect=True)
def test_each_flag_alone_changes_no_answer(own_settings):
    """Together, one might undo another."""
    folder, ask, wanted = own_settings
    file = folder / "generation_config.json"
    for name, value in OWN_FLAGS.items():
        file.write_text(json.dumps({"eos_token_id": 2, name: value}))
        assert ask(8) == wanted[:8], name
    file.unlink()


def test_an_answer_ends_at_any_of_the_models_end_tokens(own_settings):
    folder, ask, wanted = own_settings
    file = folder / "generation_config.json"
    assert wanted.index(wanted[2]) == 2
    for ends in (wanted[2], [2, wanted[2]], [wanted[2], 5000]):
        file.write_text(json.dumps({"eos_token_id": ends}))
        assert ask() == wanted[:3]
    file.unlink()


def test_an_answer_that_an_end_token_ended_says_so(tmp_path):
    """Its last token is an ordinary word of the vocabulary, which is no part of what is said."""
    folder, image = copied(POCKET, tmp_path / "base"), Image.open(GOLDEN / "image.png")
    prompt = "<image>\nHow does the client look?"
    full = LlavaSpeaker(load(str(folder)), temperature=0.0).answer([prompt], [image], [1])[0]
    llava = load(str(folder))
    ids = generate_ids(llava, [prompt], [image], 24)[0]
    write_json(folder / "generation_config.json", eos_token_id=[2, ids[4]])
    speaker = LlavaSpeaker(load(str(folder)), temperature=0.0, max_tokens=24)
    cut = speaker.answer([prompt], [image], [1])[0]
    assert (cut.finish_reason, cut.completion_tokens) == ("stop", 5) and full.finish_reason == "stop"
    assert cut.text == llava.tokenizer.decode(ids[:4]).strip() and full.text.startswith(cut.text)
    speaker.max_tokens = 3
    assert speaker.answer([prompt], [image], [1])[0].finish_reason == "length"


@pytest.mark.parametrize(
    "text", ["", "[2]", '{"eos_token_id": "2"}', '{"eos_token_id": [2, null]}', "version https://"]
)
def test_generation_settings_that_cannot_be_read_are_named(tmp_path, llava, text):
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(ValueError, match="generation_config.json"):
        ends_only(tmp_path, llava.tokenizer)
