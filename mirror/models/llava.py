"""LLaVA-1.5: model and processor from a Hub id or a folder, in `llava-hf` or in the original format.

Knows nothing of LoRA, of training data or of sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    LogitsProcessor,
    LogitsProcessorList,
)

from mirror.files.image_file import upright
from mirror.models.generation_config import end_of, end_tokens, ends_only
from mirror.models.llava_chat import tokenize_prompt
from mirror.models.llava_original import load_original
from mirror.models.weights import HALF, load_pretrained, load_tokenizer, read_config, resolve
from mirror.paths import display_path


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
        return pixel_values(self.processor.image_processor, images)


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
    folder = resolve(base_model, revision, half=dtype in HALF)
    config = read_config(folder)
    if config["model_type"] == "llava":
        tokenizer = load_tokenizer(folder)
        generation = ends_only(folder, tokenizer)
        model = load_pretrained(LlavaForConditionalGeneration, folder, dtype, generation_config=generation)
        image_processor = CLIPImageProcessorPil.from_pretrained(folder)
    else:
        model, tokenizer, image_processor = load_original(folder, config, vision_tower, dtype)
        model.generation_config = ends_only(folder, tokenizer)
    return Llava(
        model.to(device).eval(),
        make_processor(model.config, tokenizer, image_processor),
        display_path(Path(base_model)) if Path(base_model).is_dir() else base_model,
        "" if Path(base_model).is_dir() else folder.name,
    )


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


def pixel_values(image_processor: CLIPImageProcessorPil, images: Sequence[Image.Image]) -> torch.Tensor:
    """[n, 3, size, size] float32, as `Llava.pixel_values`, without a model at hand."""
    squares = [pad_to_square(image, image_processor.image_mean) for image in images]
    return image_processor(squares, return_tensors="pt")["pixel_values"]


def pad_to_square(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    """`image` upright in RGB, centred on a square of the mean colour (`mean`: three numbers in 0…1)."""
    image = upright(image)
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), tuple(int(m * 255) for m in mean))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def generate(
    llava: Llava,
    prompts: Sequence[str],
    images: Sequence[Image.Image],
    max_new_tokens: int,
    sampling: LogitsProcessor | None = None,
) -> list[str]:
    """Answers to `prompts` (the human's words with `<image>`), one image each, as one left-padded batch.

    They are greedy over the scores that `sampling` leaves (`mirror.models.sampling`); without it, over the model's own.
    """
    return [decode(llava, ids) for ids in generate_ids(llava, prompts, images, max_new_tokens, sampling)]


@torch.inference_mode()
def generate_ids(
    llava: Llava,
    prompts: Sequence[str],
    images: Sequence[Image.Image],
    max_new_tokens: int,
    sampling: LogitsProcessor | None = None,
) -> list[list[int]]:
    """The answers of `generate` in tokens, each up to its first end token, that one included."""
    ids = [tokenize_prompt(llava.tokenizer, p, llava.image_token_id, llava.image_tokens) for p in prompts]
    longest = max(map(len, ids))
    pad, ends = llava.tokenizer.pad_token_id, end_tokens(llava.model)
    device = llava.model.device
    output = llava.model.generate(
        input_ids=torch.tensor([[pad] * (longest - len(i)) + i for i in ids], device=device),
        attention_mask=torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in ids], device=device),
        pixel_values=llava.pixel_values(images).to(device, llava.model.dtype),
        do_sample=False,
        max_new_tokens=max_new_tokens,
        pad_token_id=pad,
        eos_token_id=ends,
        suppress_tokens=unused_tokens(llava),
        logits_processor=LogitsProcessorList([sampling] if sampling else []),
    )
    rows = output[:, longest:].tolist()
    return [row if (end := end_of(row, ends)) is None else row[: end + 1] for row in rows]


def decode(llava: Llava, ids: Sequence[int]) -> str:
    """The words of an answer, without the end token, which need not be a special one."""
    words = ids[: end_of(ids, end_tokens(llava.model))]
    return llava.tokenizer.decode(words, skip_special_tokens=True).strip()


def unused_tokens(llava: Llava) -> list[int]:
    """Ids that no answer may hold: the image, the padding, and the rows that only round the vocabulary up."""
    vocabulary = llava.model.config.text_config.vocab_size
    return sorted({llava.image_token_id, llava.tokenizer.pad_token_id, *range(len(llava.tokenizer), vocabulary)})


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
