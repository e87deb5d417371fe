"""adapter_config.json: what would be computed differently is refused by name."""

import json
import shutil

import pytest

from mirror.models.llava import load
from mirror.models.lora import load_adapter, load_checkpoint
from mirror.models.lora.adapter_config import read_adapter_config
from tests.tiny_llava import BASE, GOLDEN, ORIGINAL, write_config


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("use_dora", True),
        ("lora_bias", True),
        ("bias", "lora_only"),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "pissa_niter_16"),
        ("init_lora_weights", "olora"),
        ("init_lora_weights", "corda"),
        ("init_lora_weights", "loftq"),
        ("init_lora_weights", "lora_ga"),
        ("init_lora_weights", "of_tomorrow"),
        ("modules_to_save", ["lm_head"]),
        ("trainable_token_indices", [3]),
        ("target_parameters", ["mlp.experts.up_proj"]),
        ("layer_replication", [[0, 2], [1, 2]]),
        ("megatron_config", {"tensor_model_parallel_size": 2}),
        ("alora_invocation_tokens", [5, 6]),
        ("use_qalora", True),
        ("arrow_config", {"top_k": 2}),
        ("kasa_config", {"beta": 0.1}),
        ("velora_config", {"num_groups": 2}),
        ("use_bdlora", {"nblocks": 2}),
        ("monteclora_config", {"num_samples": 2}),
        ("an_option_of_tomorrow", True),
        ("an_option_of_tomorrow", "sideways"),
    ],
)
def test_what_would_be_computed_differently_is_refused_by_name(tmp_path, name, value):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    write_config(tmp_path / "adapter", **{name: value})
    with pytest.raises(ValueError, match=f"adapter_config.json: {name} "):
        load_checkpoint(tmp_path / "adapter", str(BASE), str(GOLDEN / "clip-tiny"))


def test_options_that_are_off_and_records_pass(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    off = dict.fromkeys(("use_dora", "lora_bias", "an_option_of_tomorrow"), False)
    off |= {"peft_version": "9.0", "task_type": "SEQ_CLS", "revision": "main", "another_of_tomorrow": None}
    off |= {"qalora_group_size": 32, "runtime_config": {"ephemeral_gpu_offload": True}, "layers_of_tomorrow": []}
    write_config(tmp_path / "adapter", **off, base_model_name_or_path="C:\\models\\llava")
    load_checkpoint(tmp_path / "adapter", str(BASE), str(GOLDEN / "clip-tiny"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("r = 8", "cannot be read as JSON"),
        ("[8, 16]", "must hold one object, found list"),
        ("{}", "peft_type must be LORA, found None"),
        ('{"peft_type": "LOHA", "r": 8}', "peft_type must be LORA, found 'LOHA'"),
        ('{"peft_type": "LORA", "target_modules": "x"}', "r must be a whole number of 1 or more, found None"),
        ({"r": "8"}, "r must be a whole number of 1 or more, found '8'"),
        ({"r": 0}, "r must be a whole number"),
        ({"r": True}, "r must be a whole number"),
        ({"lora_alpha": "16"}, "lora_alpha must be a number, found '16'"),
        ({"lora_alpha": float("nan")}, "holds NaN, which JSON does not have"),
        ({"lora_dropout": 1}, "lora_dropout must be a number from 0 to below 1"),
        ({"use_rslora": "yes"}, "use_rslora must be true or false"),
        ({"rank_pattern": {"q_proj": "8"}}, "rank_pattern must map names of layers to numbers"),
        ({"alpha_pattern": ["q_proj"]}, "alpha_pattern must map names"),
        ({"target_modules": None}, "target_modules must name layers, found None"),
        ({"target_modules": ["query"]}, "match no linear layer of the language model"),
        ({"rank_pattern": {"q_proj": 4}}, "the rank in its adapter_config.json"),
        ({"target_modules": ["q_proj"]}, "have no place in this model"),
        ({"layers_to_transform": "0"}, "layers_to_transform must be whole numbers"),
        ({"layers_to_transform": [0]}, "have no place in this model"),
        ({"target_modules": r".*proj", "layers_to_transform": [0]}, "cannot be used when `target_modules` is a str"),
        ({"target_modules": ["q_proj", 7]}, "target_modules must be text or a list of texts"),
        ({"target_modules": "(proj"}, r"target_modules holds '\(proj', which is not a regular expression"),
        ({"alpha_pattern": {"*.q_proj": 8}}, "alpha_pattern holds .* which is not a regular expression"),
    ],
)
def test_a_broken_adapter_config_is_named(tmp_path, text, message):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    if isinstance(text, dict):
        write_config(tmp_path / "adapter", **text)
    else:
        (tmp_path / "adapter" / "adapter_config.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_adapter(load(str(BASE)).model, tmp_path / "adapter")
    assert str(tmp_path / "adapter") in str(caught.value)


def read(folder, **changes):
    values = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]} | changes
    (folder / "adapter_config.json").write_text(json.dumps(values))
    return read_adapter_config(folder, {"use_dora": False, "of_today": 3}, "0.1")


def test_supported_entries_are_kept_and_nulls_and_what_has_no_effect_are_left_out(tmp_path):
    found = read(tmp_path, rank_pattern={"q_proj": 4}, use_rslora=None, task_type="CAUSAL_LM", of_today=3)
    assert found == {
        "peft_type": "LORA",
        "r": 8,
        "lora_alpha": 16,
        "target_modules": ["q_proj"],
        "rank_pattern": {"q_proj": 4},
    }


def test_an_option_of_this_peft_and_one_of_another_are_told_apart(tmp_path):
    with pytest.raises(ValueError, match="of_today is 4, which changes what the adapter computes and is not supported"):
        read(tmp_path, of_today=4)
    message = "of_tomorrow is 4, which is unknown to peft 0.1 .the adapter was saved by peft 0.9., so its effect"
    with pytest.raises(ValueError, match=message):
        read(tmp_path, of_tomorrow=4, peft_version="0.9")


def test_all_faults_are_told_a_line_each(tmp_path):
    with pytest.raises(ValueError) as refused:
        read(tmp_path, r=0, lora_alpha=None, lora_dropout=1.0, target_modules=[])
    lines = str(refused.value).splitlines()
    assert [line.split(": ")[1].split(" ")[0] for line in lines] == [
        "r",
        "lora_alpha",
        "lora_dropout",
        "target_modules",
    ]


@pytest.mark.parametrize("layers", [0, [0, 3], None])
def test_layers_are_whole_numbers_from_0(layers, tmp_path):
    assert read(tmp_path, layers_to_transform=layers).get("layers_to_transform") == layers
    for wrong in (-1, [0, -1], [True], 0.5):
        with pytest.raises(ValueError, match="layers_to_transform must be whole numbers of 0 or more"):
            read(tmp_path, layers_to_transform=wrong)
