"""LLaVA-1.5: model and processor from a Hub id or a folder, in `llava-hf` or in the original format.

Knows nothing of LoRA, of training data or of sessions.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from mirror.conversation import IMAGE, tokenize_prompt

VISION_SELECT = {"patch": "default", "cls_patch": "full"}  # original name → transformers' name
WEIGHT_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # what is fetched of a Hub repository


@dataclass(frozen=True)
class Llava:
    """A LLaVA ready for use. `source` says where it came from, `revision` which Hub commit (empty for a folder)."""

    model: LlavaForConditionalGeneration
    processor: LlavaProcessor
    source: str
    revision: str

    @property
    def tokenizer(self):
        return self.processor.tokenizer

    @property
    def image_token_id(self) -> int:
        return self.model.config.image_token_id

    @property
    def image_tokens(self) -> int:
        """How many positions one image takes: the patches, 576 at the published size."""
        vision = self.model.config.vision_config
        patches = (vision.image_size // vision.patch_size) ** 2
        return patches + (self.model.config.vision_feature_select_strategy == "full")

    def save_processor(self, folder: Path) -> None:
        """Tokenizer and image processor, in the files that transformers 4 and 5 and vLLM look for."""
        self.processor.save_pretrained(folder)
        self.processor.image_processor.save_pretrained(folder)

    def pixel_values(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """[n, 3, size, size] float32: each image padded to a square with the mean colour, resized and normalised."""
        processor = self.processor.image_processor
        squares = [pad_to_square(image, processor.image_mean) for image in images]
        return processor(squares, return_tensors="pt")["pixel_values"]


def load(
    base_model: str,
    revision: str = "",
    vision_tower: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Llava:
    """LLaVA-1.5 from a Hub id or a folder; which format it has is read from its own `config.json`.

    `vision_tower` replaces the one that an original-format config names (a Hub id, or a folder beside the model's).
    Raises FileNotFoundError where nothing can be had, ValueError where it is no LLaVA-1.5.
    """
    folder = resolve(base_model, revision)
    config = read_config(folder)
    if config["model_type"] == "llava":
        model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        image_processor = CLIPImageProcessorPil.from_pretrained(folder)
    else:
        model, tokenizer, image_processor = _load_original(folder, config, vision_tower, dtype)
    return Llava(
        model.to(device).eval(),
        make_processor(model.config, tokenizer, image_processor),
        base_model,
        "" if Path(base_model).is_dir() else folder.name,
    )


def resolve(name: str, revision: str = "", only_config: bool = False) -> Path:
    """The folder that holds `name`: itself if it is one, else the Hub repository's snapshot (fetched if need be)."""
    patterns = ["config.json"] if only_config else [*WEIGHT_FILES, "*.bin"]
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise FileNotFoundError(f"no model folder {name}; give an existing folder or a Hub id such as owner/name")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise FileNotFoundError(
            f"{name} is neither a folder here nor to be had from the Hub ({error}); "
            "check the name, the connection and HF_HUB_OFFLINE, or download it and give the folder"
        ) from error


def read_config(folder: Path) -> dict:
    """The folder's `config.json`, if it is a LLaVA-1.5's."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no config.json, so this is no model folder")
    config = json.loads(path.read_text())
    if config.get("model_type") not in ("llava", "llava_llama"):
        raise ValueError(f"{path}: model_type must be llava or llava_llama, found {config.get('model_type')!r}")
    return config


def check_size(base_model: str, revision: str, size: str) -> None:
    """Raises ValueError where the model's own config says another size than the declared one; loads no weights."""
    config = read_config(resolve(base_model, revision, only_config=True))
    text = config.get("text_config", config)
    # llava-hf's config leaves out what Llama-7b's default is.
    found = (text.get("hidden_size", 4096), text.get("num_hidden_layers", 32))
    sizes = {(shape[0], shape[2]): name for name, shape in SHAPES.items()}
    if sizes.get(found, "pocket") != size:
        raise ValueError(
            f"size is {size}, but {base_model} has hidden size {found[0]} and {found[1]} layers, which is "
            f"{sizes.get(found, 'pocket')}; set size and base_model to the same model"
        )


def make_processor(config: LlavaConfig, tokenizer, image_processor) -> LlavaProcessor:
    """The processor as `llava-hf` publishes it, so that AutoProcessor and vLLM can load what we save."""
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
        chat_template=tokenizer.chat_template,
    )


def pad_to_square(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    """`image` in RGB, centred on a square of the mean colour (`mean`: three numbers in 0…1)."""
    image = image.convert("RGB")
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), tuple(int(m * 255) for m in mean))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


@torch.inference_mode()
def generate(llava: Llava, prompts: Sequence[str], images: Sequence[Image.Image], max_new_tokens: int) -> list[str]:
    """Greedy answers to `prompts` (the human's words with `<image>`), one image each, as one left-padded batch."""
    ids = [tokenize_prompt(llava.tokenizer, p, llava.image_token_id, llava.image_tokens) for p in prompts]
    longest = max(map(len, ids))
    pad = llava.tokenizer.pad_token_id
    device = llava.model.device
    output = llava.model.generate(
        input_ids=torch.tensor([[pad] * (longest - len(i)) + i for i in ids], device=device),
        attention_mask=torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in ids], device=device),
        pixel_values=llava.pixel_values(images).to(device, llava.model.dtype),
        do_sample=False,
        max_new_tokens=max_new_tokens,
        pad_token_id=pad,
        eos_token_id=llava.tokenizer.eos_token_id,
        suppress_tokens=unused_tokens(llava),
    )
    return [text.strip() for text in llava.tokenizer.batch_decode(output[:, longest:], skip_special_tokens=True)]


def unused_tokens(llava: Llava) -> list[int]:
    """Ids that no answer may hold: the image, the padding, and the rows that only round the vocabulary up."""
    vocabulary = llava.model.config.text_config.vocab_size
    return sorted({llava.image_token_id, llava.tokenizer.pad_token_id, *range(len(llava.tokenizer), vocabulary)})


# The original format ------------------------------------------------------------------------------------------------


def _load_original(folder: Path, config: dict, vision_tower: str, dtype: torch.dtype):
    if config.get("mm_projector_type") != "mlp2x_gelu":
        raise ValueError(
            f"{folder}/config.json: mm_projector_type must be mlp2x_gelu (LLaVA-1.5), "
            f"found {config.get('mm_projector_type')!r}"
        )
    named = vision_tower or config["mm_vision_tower"]
    beside = folder.parent / named
    tower_folder = beside if beside.is_dir() else resolve(named)
    tower = CLIPVisionModel.from_pretrained(tower_folder, dtype=dtype)

    tokenizer = LlamaTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE], "pad_token": "<pad>"})
    rows = 64 * math.ceil(len(tokenizer) / 64)
    text_config = LlamaConfig.from_dict({**config, "model_type": "llama", "vocab_size": rows})
    llava_config = LlavaConfig(
        vision_config=tower.config,
        text_config=text_config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=config["mm_vision_select_layer"],
        vision_feature_select_strategy=VISION_SELECT[config["mm_vision_select_feature"]],
        projector_hidden_act="gelu",
    )
    weights = load_weights(folder)
    weights = {rename_original(key): value for key, value in weights.items() if "vision_tower" not in key}
    for key in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        weights[key] = torch.cat(
            [weights[key], weights[key].new_zeros(rows - len(weights[key]), weights[key].shape[1])]
        )
    weights |= {f"model.vision_tower.{key}": value for key, value in tower.state_dict().items()}
    model, report = LlavaForConditionalGeneration.from_pretrained(
        None, config=llava_config, state_dict=weights, dtype=dtype, output_loading_info=True
    )
    if report["missing_keys"] or report["unexpected_keys"]:
        raise ValueError(
            f"{folder}: the weights do not fit its config; missing {sorted(report['missing_keys'])[:3]}, "
            f"unknown {sorted(report['unexpected_keys'])[:3]}"
        )
    return model, tokenizer, CLIPImageProcessorPil.from_pretrained(tower_folder)


def rename_original(key: str) -> str:
    """The original's weight name in transformers' words: `model.layers.0…` → `model.language_model.layers.0…`."""
    projector = {"model.mm_projector.0.": "linear_1.", "model.mm_projector.2.": "linear_2."}
    for prefix, name in projector.items():
        if key.startswith(prefix):
            return f"model.multi_modal_projector.{name}{key.removeprefix(prefix)}"
    return key.replace("model.", "model.language_model.", 1) if key.startswith("model.") else key


def load_weights(folder: Path, stem: str = "pytorch_model") -> dict[str, torch.Tensor]:
    """All tensors of a folder, from safetensors or from pickles (read as weights only), in one file or in shards."""
    folder = Path(folder)
    for name in ("model.safetensors", f"{stem}.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        elif (folder / name).is_file():
            files = [name]
        else:
            continue
        weights = {}
        for file in files:
            weights |= read_tensors(folder / file)
        return weights
    raise FileNotFoundError(f"{folder}: no weights (model.safetensors or {stem}.bin, whole or in shards)")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file; a pickle may hold weights and nothing else."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


# The real shapes, with random weights ---------------------------------------------------------------------------------

SHAPES = {  # of vicuna-7b and -13b v1.5: hidden size, intermediate size, layers, heads
    "7b": (4096, 11008, 32, 32),
    "13b": (5120, 13824, 40, 40),
}


def random_model(size: str, dtype: torch.dtype, device: str) -> LlavaForConditionalGeneration:
    """LLaVA-1.5 at its real shapes with random weights, built on `device`: what a benchmark needs."""
    hidden, intermediate, layers, heads = SHAPES[size]
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
            projection_dim=768,
        ),
        text_config=LlamaConfig(
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            vocab_size=32064,
        ),
        image_token_id=32000,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
    )
    with torch.device(device):
        return LlavaForConditionalGeneration._from_config(config, dtype=dtype)
