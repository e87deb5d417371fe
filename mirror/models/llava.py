"""LLaVA-1.5: loads model and processor, in `llava-hf` or in the original format.

Other models are loaded by `mirror.models.families.loading`; LoRA is in `mirror.models.lora`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerBase,
)

from mirror.files.image_file import upright
from mirror.models.families.images import ImageTensors, one_by_one
from mirror.models.families.vlm import Vlm
from mirror.models.generation_config import ends_only
from mirror.models.llava_chat import Tokens, tokenize, tokenize_prompt
from mirror.models.llava_original import load_original
from mirror.models.quantization import Quantize
from mirror.models.quantization.nf4 import keep_layout, loading_options
from mirror.models.weights import HALF, load_pretrained, load_tokenizer, model_folder, read_config
from mirror.paths import display_path

SHAPES = {  # of vicuna-7b and -13b v1.5: hidden size, intermediate size, layers, heads
    "7b": (4096, 11008, 32, 32),
    "13b": (5120, 13824, 40, 40),
}


@dataclass(frozen=True)
class Llava(Vlm):
    """A LLaVA-1.5 ready for use: chat layout and images are those that it was published with."""

    model: LlavaForConditionalGeneration
    processor: LlavaProcessor

    @property
    def image_token_id(self) -> int:
        """The id of `<image>`."""
        return self.model.config.image_token_id

    @property
    def image_tokens(self) -> int:
        """Number of positions that one image takes: one per patch, 576 at the published size."""
        return image_tokens(self.model.config)

    @property
    def pad(self) -> int:
        """See `Vlm.pad`."""
        return self.tokenizer.pad_token_id

    @property
    def unused_tokens(self) -> list[int]:
        """See `Vlm.unused_tokens`."""
        return unused_tokens(self.model.config, self.tokenizer)

    @cached_property
    def read_images(self) -> Callable[[Sequence[Image.Image]], list[ImageTensors]]:
        """See `Vlm.read_images`."""
        return partial(_image_tensors, self.processor.image_processor)

    def tokenize(self, turns: Sequence[tuple[str, str]], size: Callable[[], tuple[int, int]]) -> Tokens:
        """See `Vlm.tokenize`."""
        return tokenize(self.tokenizer, turns, self.image_token_id, self.image_tokens)

    def tokenize_prompt(self, human: str, size: tuple[int, int]) -> list[int]:
        """See `Vlm.tokenize_prompt`."""
        return tokenize_prompt(self.tokenizer, human, self.image_token_id, self.image_tokens)

    def save_processor(self, folder: Path) -> None:
        """Save tokenizer and image processor, in the files that transformers 4 and 5 and vLLM look for."""
        self.processor.save_pretrained(folder)
        self.processor.image_processor.save_pretrained(folder)

    def pixel_values(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """[n, 3, size, size] float32: each image padded to a square with the mean color, resized and normalized."""
        return pixel_values(self.processor.image_processor, images)


def load(
    base_model: str,
    revision: str = "",
    vision_tower: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    quantize: Quantize = "none",
) -> Llava:
    """Load LLaVA-1.5 from a Hub id or a folder; `config.json` tells which of the two formats it has.

    Args:
        base_model: Hub id or folder, as returned by `mirror.models.hub_id.resolve_model`.
        revision: Hub commit, branch or tag; empty for the newest.
        vision_tower: Hub id, or folder beside the model's; replaces the one in an original-format config.
        dtype: of the weights.
        device: a PyTorch device.
        quantize: `nf4` holds the linear layers of the language model in 4 bits, for training.

    Raises:
        FileNotFoundError: the model or its vision tower was found neither locally nor on the Hub.
        ValueError: it is not LLaVA-1.5, a file is broken, or weights cannot be quantized here.
    """
    folder = model_folder(base_model, revision, half=dtype in HALF)
    config = read_config(folder)
    options = loading_options(quantize, dtype, device)
    if config["model_type"] == "llava":
        tokenizer = load_tokenizer(folder)
        generation = ends_only(folder, tokenizer)
        model = load_pretrained(LlavaForConditionalGeneration, folder, dtype, generation_config=generation, **options)
        image_processor = CLIPImageProcessorPil.from_pretrained(folder)
    else:
        model, tokenizer, image_processor = load_original(folder, config, vision_tower, dtype, **options)
        model.generation_config = ends_only(folder, tokenizer)
    if quantize == "nf4":
        keep_layout(model)
    return Llava(
        model.to(device).eval(),
        make_processor(model.config, tokenizer, image_processor),
        display_path(Path(base_model)) if Path(base_model).is_dir() else base_model,
        "" if Path(base_model).is_dir() else folder.name,
    )


def image_tokens(config: LlavaConfig) -> int:
    """Number of positions that one image takes."""
    vision = config.vision_config
    patches: int = (vision.image_size // vision.patch_size) ** 2
    return patches + (config.vision_feature_select_strategy == "full")


def check_size(base_model: str, revision: str, size: str) -> None:
    """Check the declared size against the model's config, without loading weights.

    Args:
        base_model: as in `load`.
        revision: as in `load`.
        size: `7b`, `13b`, or `pocket` for any other shape.

    Raises:
        FileNotFoundError: the model was found neither locally nor on the Hub.
        ValueError: the config's shapes are those of another size.
    """
    config = read_config(model_folder(base_model, revision, only_config=True))
    text = config.get("text_config", config)
    # llava-hf's config omits entries that equal the defaults, which are those of Llama-7b.
    found = (text.get("hidden_size", 4096), text.get("num_hidden_layers", 32))
    sizes = {(shape[0], shape[2]): name for name, shape in SHAPES.items()}
    if sizes.get(found, "pocket") != size:
        raise ValueError(
            f"size is {size}, but {base_model} has hidden size {found[0]} and {found[1]} layers, which is "
            f"{sizes.get(found, 'pocket')}; set size and base_model to the same model"
        )


def make_processor(
    config: LlavaConfig, tokenizer: PreTrainedTokenizerBase, image_processor: CLIPImageProcessorPil
) -> LlavaProcessor:
    """The processor as `llava-hf` publishes it, so that AutoProcessor and vLLM can load it once saved."""
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
        chat_template=tokenizer.chat_template,
    )


def pixel_values(image_processor: CLIPImageProcessorPil, images: Sequence[Image.Image]) -> torch.Tensor:
    """[n, 3, size, size] float32, like `Llava.pixel_values` but without a model."""
    squares = [pad_to_square(image, image_processor.image_mean) for image in images]
    return image_processor(squares, return_tensors="pt")["pixel_values"]


def _image_tensors(image_processor: CLIPImageProcessorPil, images: Sequence[Image.Image]) -> list[ImageTensors]:
    return one_by_one(pixel_values(image_processor, images))


def pad_to_square(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    """The image upright in RGB, centered on a square of the mean color.

    Args:
        image: in any mode and orientation.
        mean: red, green and blue in 0…1.
    """
    image = upright(image)
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), tuple(int(m * 255) for m in mean))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def unused_tokens(config: LlavaConfig, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids that no answer may contain: image, padding, and the rows that only round up the vocabulary."""
    vocabulary = config.text_config.vocab_size
    return sorted({config.image_token_id, tokenizer.pad_token_id, *range(len(tokenizer), vocabulary)})
