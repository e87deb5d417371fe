"""Images as a model reads them, by its family's own processor, which is made without its parts for videos and sound.

An image becomes several tensors, whose names and shapes differ by family: pixels of tiles or patches, grids, sizes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import torch
import torch.nn.functional as F
import transformers
from PIL import Image
from transformers import AutoImageProcessor, PreTrainedTokenizerBase, ProcessorMixin

from mirror.files.image_file import upright
from mirror.models.families.family import Family

ImageTensors = Mapping[str, torch.Tensor]  # of one image; the first dimension is that of a batch
TEXT = frozenset({"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "text_replacement_offsets"})
VIDEO = ("video_processor", "feature_extractor", "audio_processor")
SHADE = (127, 127, 127)


def load_processor(folder: Path, tokenizer: PreTrainedTokenizerBase, family: Family) -> ProcessorMixin:
    """The processor of a model's folder, with the image processor that needs no torchvision.

    Raises:
        OSError, ValueError: the folder has no image processor that transformers can make.
    """
    kind: Any = family.processor if isinstance(family.processor, str) else family.processor()
    kind = getattr(transformers, kind) if isinstance(kind, str) else kind
    image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    written, _ = kind.get_processor_dict(folder)
    code = kind.__init__.__code__
    accepted = code.co_varnames[1 : code.co_argcount]
    options = {name: value for name, value in written.items() if name in accepted and not isinstance(value, dict)}
    options["chat_template"] = written.get("chat_template") or tokenizer.chat_template
    options |= {name: None for name in VIDEO if name in kind.get_attributes()}
    return without_video(kind)(**options | {"image_processor": image_processor, "tokenizer": tokenizer})


def without_video(kind: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """The class of a processor that also can be made with nothing in the place of its parts for videos and sound."""

    def check(self: ProcessorMixin, name: str, value: Any) -> Any:
        return type(None) if value is None else kind.check_argument_for_proper_class(self, name, value)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})


@dataclass(frozen=True)
class ImageReader:
    """Makes the tensors of images, and says how the text of a prompt holds them.

    Attributes:
        processor: of the model's family.
    """

    processor: Any
    _written: dict[tuple[int, int], str] = field(default_factory=dict)

    def __call__(self, images: Sequence[Image.Image]) -> list[ImageTensors]:
        """The tensors of each image.

        Raises:
            ValueError: the processor does not say what it writes for an image.
        """
        return [self._read(upright(image))[0] for image in images]

    def written(self, size: tuple[int, int]) -> str:
        """What a prompt holds in the place of an image of this width and height, one mark per position."""
        if size not in self._written:
            self._written[size] = self._read(Image.new("RGB", size, SHADE))[1]
        return self._written[size]

    def _read(self, image: Image.Image) -> tuple[ImageTensors, str]:
        found = self.processor(
            images=[image],
            text=[self.processor.image_token],
            return_tensors="pt",
            return_text_replacement_offsets=True,
            return_mm_token_type_ids=False,
        )
        if "text_replacement_offsets" not in found:
            raise ValueError(
                f"{type(self.processor).__name__} does not say what it writes for an image; give the family's record a "
                "function that makes a processor which does (mirror/models/families/records/mistral3.py)"
            )
        ((replaced,),) = found["text_replacement_offsets"]
        return {name: value for name, value in found.items() if name not in TEXT}, replaced["replacement"]


class PackedImages(Sequence[ImageTensors]):
    """The tensors of several images, of any shapes, in one piece of memory for each name.

    So a batch is one file descriptor for each name between processes, and one copy to a device.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor], shapes: Sequence[Mapping[str, torch.Size]]) -> None:
        """Takes packed tensors; see `pack`.

        Args:
            tensors: by name, the values of all images one behind the other.
            shapes: of each image, by name.
        """
        self.tensors, self.shapes = tensors, list(shapes)

    @classmethod
    def pack(cls, images: Sequence[ImageTensors]) -> "PackedImages":
        """Copies the tensors of images together."""
        names = dict.fromkeys(name for image in images for name in image)
        tensors = {name: torch.cat([image[name].flatten() for image in images if name in image]) for name in names}
        return cls(tensors, [{name: value.shape for name, value in image.items()} for image in images])

    def __len__(self) -> int:
        return len(self.shapes)

    @overload
    def __getitem__(self, place: int) -> ImageTensors: ...

    @overload
    def __getitem__(self, place: slice) -> "PackedImages": ...

    def __getitem__(self, place: int | slice) -> "ImageTensors | PackedImages":
        """One image, or consecutive ones; nothing is copied."""
        if isinstance(place, int):
            shapes = self.shapes[place]
            place %= len(self)
            part = self[place : place + 1]
            return {name: part.tensors[name].view(shape) for name, shape in shapes.items()}
        start, end, _ = place.indices(len(self))
        tensors = {
            name: value[self._count(name, start) : self._count(name, max(start, end))]
            for name, value in self.tensors.items()
        }
        return PackedImages(tensors, self.shapes[start:end])

    def _count(self, name: str, images: int) -> int:
        """The number of values of the first images."""
        return sum(shape[name].numel() for shape in self.shapes[:images] if name in shape)

    def to(self, device: torch.device) -> "PackedImages":
        """The same on a device."""
        return PackedImages({name: sent(value, device) for name, value in self.tensors.items()}, self.shapes)


def one_by_one(pixel_values: torch.Tensor) -> list[ImageTensors]:
    """The tensors of each image, of a model whose images are one tensor of one size [n, …]."""
    return [{"pixel_values": row} for row in pixel_values.split(1)] if len(pixel_values) else []


def batched(images: Sequence[ImageTensors]) -> dict[str, torch.Tensor]:
    """The tensors of several images as one batch, tiles and pixels filled up with zeros to the largest image's.

    Args:
        images: of each row; no tensors for a row without image.
    """
    found, shown = {}, [image for image in images if image]
    for name in shown[0] if shown else ():
        rows = [image[name] for image in shown]
        largest = torch.tensor([row.shape[1:] for row in rows]).amax(0).tolist() if rows[0].dim() > 1 else []
        found[name] = torch.cat([_filled(row, largest) for row in rows])
    return found


def _filled(tensor: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    missing = [wanted - given for wanted, given in zip(shape, tensor.shape[1:], strict=True)]
    if not any(missing):
        return tensor
    return F.pad(tensor, [pad for more in reversed(missing) for pad in (0, more)])


def moved(tensors: ImageTensors, device: torch.device, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The tensors on a device, floating point numbers in `dtype`."""
    on_device = {name: sent(value, device) for name, value in tensors.items()}
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in on_device.items()}


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on a device, without waiting for what the device is doing.

    A GPU copies from memory that cannot be paged out while it computes; a copy from any other memory waits for it.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
