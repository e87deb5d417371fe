"""Models of every family at the smallest size: the real classes with random weights, in folders as the Hub has them.

Tokenizers are trained here on a few sentences; chat templates have the form that each family publishes.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = [
    "How are you feeling today? I feel sad, and I am tired of it all. What would help you now? The client looks"
]
WIDTH, LAYERS = 32, 2
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}

# Chat templates -------------------------------------------------------------------------------------------------------


def parts(image: str) -> str:
    """The content of a message: text, or parts of text and images."""
    return (
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
        f"{{% if part['type'] == 'image' %}}{image}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
        "{% endfor %}{% endif %}"
    )


def chatml(image: str, begin: str = "", prompt: str = "<|im_start|>assistant\n") -> str:
    """Turns between `<|im_start|>` and `<|im_end|>`."""
    return (
        f"{begin}{{% for message in messages %}}{{{{ '<|im_start|>' + message['role'] + '\\n' }}}}{parts(image)}"
        "{{ '<|im_end|>\\n' }}{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ {prompt!r} }}}}{{% endif %}}"
    )


def gemma(image: str, start: str, end: str) -> str:
    """Turns of `user` and `model`."""
    return (
        "{{ bos_token }}{% for message in messages %}"
        f"{{{{ '{start}' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}}}{parts(image)}"
        f"{{{{ '{end}\\n' }}}}{{% endfor %}}{{% if add_generation_prompt %}}{{{{ '{start}model\\n' }}}}{{% endif %}}"
    )


QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
# Qwen3.5 writes empty thoughts before its newest answer, and leaves those of earlier ones out.
QWEN35 = (
    "{% set ns = namespace(last=-1) %}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' and loop.index0 > ns.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    f"{parts(QWEN_IMAGE)}{{{{ '<|im_end|>\\n' }}}}{{% endfor %}}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}"
    "{% else %}{{ '<think>\\n' }}{% endif %}{% endif %}"
)
SMOL = (
    "{{ '<|im_start|>' }}{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'] is not string and message['content'][0]['type'] == 'image' %}{{ ':' }}"
    f"{{% else %}}{{{{ ': ' }}}}{{% endif %}}{parts('<image>')}{{{{ '<end_of_utterance>\\n' }}}}{{% endfor %}}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST]' }}"
    f"{parts('[IMG]')}{{{{ '[/INST]' }}}}{{% else %}}{parts('[IMG]')}{{{{ eos_token }}}}{{% endif %}}{{% endfor %}}"
)
VICUNA = (  # LLaVA-NeXT's; it writes no end of an answer
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}{% if message['content'] is string %}"
    "{{ message['content'] }}{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "{{ '<image>\\n' }}{% endif %}{% endfor %}{% for part in message['content'] %}{% if part['type'] == 'text' %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
GLM = (
    "{{ '[gMASK]<sop>' }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' }}"
    "{% if message['role'] == 'assistant' %}{{ '<think></think>\\n' }}{% endif %}"
    f"{parts('<|begin_of_image|><|image|><|end_of_image|>')}{{% endfor %}}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think></think>\\n' }}{% endif %}{% endif %}"
)

# Families -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tiny:
    """How to make a model of one family.

    Attributes:
        config: class of its config.
        template: chat template.
        tokens: special tokens by the tokenizer's names for them; plain ones under `others`.
        image_processor: class, and its options.
        processor: options of the processor.
        options: of the config; a text that names a token becomes its id, also in a list, and `rows` the vocabulary's
            size.
        text: of the language model's config, beyond `TEXT`.
        vision: of the vision tower's config, beyond `VISION`.
    """

    config: str
    template: str
    tokens: dict[str, Any]
    image_processor: tuple[str, dict[str, Any]] = ("", {})
    processor: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)
    vision: dict[str, Any] | None = field(default_factory=dict)
    text_type: str = "llama"


IM = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
QWEN = {**IM, "others": ["<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]}
S = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
QWEN_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
SMALL_PIXELS = {"min_pixels": 28 * 28, "max_pixels": 28 * 28 * 16}
QWEN_VISION = {"depth": 2, "hidden_size": 16, "num_heads": 2, "out_hidden_size": WIDTH, "intermediate_size": 24}
QWEN3_VISION = QWEN_VISION | {"patch_size": 14, "num_position_embeddings": 16}
PINPOINTS = [[28, 56], [56, 28], [56, 56]]
TILES = {"size": {"height": 28, "width": 28}}
EDGES = ("Idefics3ImageProcessorPil", {"size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 28}})
SMOL_TOKENS = {
    "bos_token": "<|im_start|>",
    "eos_token": "<end_of_utterance>",
    "pad_token": "<|im_end|>",
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "end_of_utterance_token": "<end_of_utterance>",
    "others": [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)],
}
CLIP = {"model_type": "clip_vision_model", "projection_dim": 16}
SIGLIP = {"model_type": "siglip_vision_model"}

TINY: dict[str, Tiny] = {
    "llava_next": Tiny(
        "LlavaNextConfig",
        VICUNA,
        {**S, "others": ["<image>"]},
        (
            "LlavaNextImageProcessorPil",
            {
                "size": {"shortest_edge": 28},
                "crop_size": {"height": 28, "width": 28},
                "image_grid_pinpoints": PINPOINTS,
            },
        ),
        {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1},
        {"image_token_id": "<image>", "image_grid_pinpoints": PINPOINTS},
        vision=CLIP,
    ),
    "llava_onevision": Tiny(
        "LlavaOnevisionConfig",
        chatml("<image>"),
        {**IM, "others": ["<|im_start|>", "<image>", "<video>"]},
        ("LlavaOnevisionImageProcessorPil", TILES | {"image_grid_pinpoints": PINPOINTS}),
        {"num_image_tokens": 4, "vision_feature_select_strategy": "full"},
        {"image_token_id": "<image>", "video_token_id": "<video>", "image_grid_pinpoints": PINPOINTS},
        text_type="qwen2",
        vision=SIGLIP | {"vision_use_head": False},
    ),
    "qwen2_5_vl": Tiny(
        "Qwen2_5_VLConfig",
        chatml(QWEN_IMAGE),
        QWEN,
        ("Qwen2VLImageProcessorPil", SMALL_PIXELS),
        options=QWEN_IDS,
        text={"rope_parameters": MROPE},
        vision=QWEN_VISION | {"window_size": 56, "fullatt_block_indexes": [1]},
    ),
    "qwen3_vl": Tiny(
        "Qwen3VLConfig",
        chatml(QWEN_IMAGE),
        QWEN,
        ("Qwen2VLImageProcessorPil", SMALL_PIXELS),
        options=QWEN_IDS,
        text={"rope_parameters": MROPE | {"mrope_interleaved": True}},
        vision=QWEN3_VISION | {"deepstack_visual_indexes": [0]},
    ),
    "qwen3_5": Tiny(
        "Qwen3_5Config",
        QWEN35,
        QWEN,
        ("Qwen2VLImageProcessorPil", SMALL_PIXELS),
        options=QWEN_IDS,
        text={
            "rope_parameters": MROPE | {"mrope_interleaved": True, "partial_rotary_factor": 1.0},
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
        vision=QWEN3_VISION,
    ),
    "internvl": Tiny(
        "InternVLConfig",
        chatml("<IMG_CONTEXT>"),
        {
            **IM,
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
            "others": ["<|im_start|>"],
        },
        ("GotOcr2ImageProcessorPil", TILES | {"crop_to_patches": True, "min_patches": 1, "max_patches": 4}),
        {"image_seq_length": 1},
        {"image_token_id": "<IMG_CONTEXT>", "image_seq_length": 1},
        text_type="qwen2",
        vision={"image_size": [28, 28], "patch_size": [14, 14]},
    ),
    "gemma3": Tiny(
        "Gemma3Config",
        gemma("<start_of_image>", "<start_of_turn>", "<end_of_turn>"),
        {
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
            "others": ["<start_of_turn>", "<end_of_turn>"],
        },
        ("Gemma3ImageProcessorPil", TILES),
        {"image_seq_length": 4},
        {
            "image_token_index": "<image_soft_token>",
            "boi_token_index": "<start_of_image>",
            "eoi_token_index": "<end_of_image>",
            "mm_tokens_per_image": 4,
            "tie_word_embeddings": True,
        },
        text={"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 8},
        vision=SIGLIP | {"vision_use_head": False},
        text_type="gemma3_text",
    ),
    "gemma4": Tiny(
        "Gemma4Config",
        gemma("<|image|>", "<|turn>", "<turn|>"),
        {
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "boi_token": "<|image>",
            "eoi_token": "<image|>",
            "image_token": "<|image|>",
            "audio_token": "<|audio|>",
            "boa_token": "<|audio>",
            "eoa_token": "<audio|>",
            "others": ["<|turn>", "<turn|>", "<|video|>"],
        },
        ("Gemma4ImageProcessorPil", {"patch_size": 8, "max_soft_tokens": 70, "pooling_kernel_size": 2}),
        {"image_seq_length": 4},
        {
            "image_token_id": "<|image|>",
            "video_token_id": "<|video|>",
            "audio_token_id": "<|audio|>",
            "boi_token_id": "<|image>",
            "eoi_token_id": "<image|>",
            "audio_config": None,
            "tie_word_embeddings": True,
        },
        text={
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "global_head_dim": 8,
            "num_global_key_value_heads": 2,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": "rows",
            "num_kv_shared_layers": 0,
            "use_bidirectional_attention": "vision",
        },
        vision={
            "patch_size": 8,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "default_output_length": 70,
        },
        text_type="gemma4_text",
    ),
    "smolvlm": Tiny(
        "SmolVLMConfig",
        SMOL,
        SMOL_TOKENS,
        ("SmolVLMImageProcessorPil", EDGES[1]),
        {"image_seq_len": 1},
        {"image_token_id": "<image>", "scale_factor": 2, "tie_word_embeddings": True},
    ),
    "idefics3": Tiny(
        "Idefics3Config",
        SMOL,
        SMOL_TOKENS,
        EDGES,
        {"image_seq_len": 1},
        {"image_token_id": "<image>", "scale_factor": 2},
    ),
    "mistral3": Tiny(
        "Mistral3Config",
        MISTRAL,
        {**S, "others": ["[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"]},
        (
            "PixtralImageProcessorPil",
            {"size": {"longest_edge": 84}, "patch_size": {"height": 14, "width": 14}},
        ),
        {"patch_size": 14, "spatial_merge_size": 2},
        {"image_token_index": "[IMG]", "spatial_merge_size": 2},
        text_type="mistral",
        vision={"model_type": "pixtral", "image_size": 84, "head_dim": 8},
    ),
    "glm46v": Tiny(
        "Glm46VConfig",
        GLM,
        {
            "eos_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
            "others": [
                "[gMASK]",
                "<sop>",
                "<|user|>",
                "<|assistant|>",
                "<|begin_of_image|>",
                "<|image|>",
                "<|end_of_image|>",
                "<|video|>",
                "<|begin_of_video|>",
                "<|end_of_video|>",
            ],
        },
        ("Glm46VImageProcessorPil", {"size": {"shortest_edge": 28 * 28 * 2, "longest_edge": 28 * 28 * 32}}),
        options={
            "image_token_id": "<|image|>",
            "video_token_id": "<|video|>",
            "image_start_token_id": "<|begin_of_image|>",
            "image_end_token_id": "<|end_of_image|>",
        },
        text={"rope_parameters": MROPE | {"partial_rotary_factor": 1.0}},
        vision=QWEN_VISION | {"image_size": 56, "patch_size": 14},
        text_type="glm4v_text",
    ),
    "llama": Tiny("LlamaConfig", chatml(""), {**IM, "others": ["<|im_start|>"]}, vision=None),
}


def make_tokenizer(tiny: Tiny) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with the family's special tokens."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    inner.add_special_tokens(tiny.tokens.get("others", []))
    named = {name: token for name, token in tiny.tokens.items() if name != "others"}
    usual = {name: named.pop(name) for name in ("bos_token", "eos_token", "pad_token") if name in named}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        extra_special_tokens=named,
        chat_template=tiny.template,
        **usual,
    )


def make_config(tiny: Tiny, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The family's config with the ids of this tokenizer."""
    rows = len(tokenizer) + 5  # as usual, more rows than tokens

    def known(value: Any) -> Any:
        named = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        return rows if value == "rows" else tokenizer.convert_tokens_to_ids(value) if named else value

    ids = {name: known(value) for name, value in tiny.options.items()}
    text = TEXT | {"vocab_size": rows, "pad_token_id": tokenizer.pad_token_id} | tiny.text
    text = {name: rows if value == "rows" else value for name, value in text.items()}
    text |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    kind = getattr(hf, tiny.config)
    if tiny.vision is None:
        return kind(**text)
    if tiny.config not in ("Qwen2_5_VLConfig", "Qwen3VLConfig", "Qwen3_5Config", "Glm46VConfig"):
        text["model_type"] = tiny.text_type
    vision = VISION | tiny.vision
    tied = ids.pop("tie_word_embeddings", False)
    text["tie_word_embeddings"] = tied
    return kind(text_config=text, vision_config=vision, tie_word_embeddings=tied, **ids)


def make_model(kind: str, folder: Path, tiny: Tiny | None = None, seed: int = 0) -> Path:
    """Write a tiny model of a family into `folder`, in the files that the Hub has of such models; returns it."""
    tiny = tiny or TINY[kind]
    tokenizer = make_tokenizer(tiny)
    torch.manual_seed(seed)
    config = make_config(tiny, tokenizer)
    auto = hf.AutoModelForCausalLM if tiny.vision is None else hf.AutoModelForImageTextToText
    model = auto.from_config(config)
    with torch.no_grad():  # as of a trained model, whose answers differ in what they say
        weights = [model.get_output_embeddings().weight, model.get_input_embeddings().weight]
        for weight in weights[:1] if weights[0] is weights[1] else weights:
            weight.mul_(20)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    name, options = tiny.image_processor
    if name:
        processor = getattr(hf, name)(**options)
        processor.save_pretrained(folder)
        (folder / "processor_config.json").write_text(json.dumps(tiny.processor))
    return folder
