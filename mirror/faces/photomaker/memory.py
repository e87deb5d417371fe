"""The memory that the painter will need, before it loads."""

from functools import cache

import torch
from huggingface_hub import try_to_load_from_cache

from mirror.faces.photomaker.pipeline import ALL_PARTS, PARTS
from mirror.faces.photomaker.weights import read_adapter
from mirror.models.memory.plan import Part
from mirror.models.memory.sizes import folder_bytes, folder_here, tensors_bytes
from mirror.paths import input_path

# Bytes at 1024 × 1024 pixels in half precision. Together they are what each picture of a batch took beside the weights
# in results/benchmarks/faces.md, where a batch was decoded at once; `python -m mirror.benchmarks.memory` measures each.
DENOISING = 900_000_000  # per picture of a batch, with guidance; half of it without; CUDA graphs keep it
DECODING = 2_700_000_000  # of one picture: those of a batch are decoded one after another, whatever its size
PIXELS = 1024**2


def painter_part(
    painter: str, revision: str, adapter: str, dtype: torch.dtype, batch: int, image_size: int, guided: bool
) -> Part:
    """The painter's need.

    Args:
        painter: folder or Hub id of an SDXL pipeline.
        revision: of the painter on the Hub.
        adapter: PhotoMaker's weights, a file or `owner/name/file`.
        dtype: of all weights.
        batch: pictures painted at a time.
        image_size: side of a painted picture in pixels.
        guided: whether each step evaluates the network twice.

    Raises:
        ValueError: a file is broken.
    """
    folder = folder_here(painter, revision, ALL_PARTS)
    sizes = [folder_bytes(folder / part if folder else None, dtype) for part in PARTS]
    sizes.append(encoder_bytes(adapter, dtype))
    weights = None if None in sizes else sum(size for size in sizes if size is not None)
    return Part("painter", weights, work=work_bytes(dtype, batch, image_size, guided))


def work_bytes(dtype: torch.dtype, batch: int, image_size: int, guided: bool) -> int:
    """Bytes of working memory; see `painter_part`."""
    scale = image_size**2 / PIXELS * dtype.itemsize / 2
    return round(scale * (DECODING + batch * DENOISING * (1.0 if guided else 0.5)))


@cache
def encoder_bytes(adapter: str, dtype: torch.dtype) -> int | None:
    """Bytes of PhotoMaker's identity encoder; None if it is still to be downloaded. Its LoRA becomes part of SDXL."""
    path = input_path(adapter)
    if not path.is_file():
        parts = adapter.split("/")
        found = try_to_load_from_cache("/".join(parts[:2]), "/".join(parts[2:])) if len(parts) > 2 else None
        if not isinstance(found, str):
            return None
        path = input_path(found)
    return tensors_bytes(read_adapter(path)[0], dtype)
