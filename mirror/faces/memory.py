"""The memory that describer, painter and filters will need in this process, before they load."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache

from mirror.faces.photomaker.batches import sizes_for, sizes_up_to
from mirror.faces.photomaker.weights import ALL_PARTS, NETWORKS, read_adapter, weights_file
from mirror.faces.settings import FaceSettings
from mirror.models.decoding import POSITIONS
from mirror.models.device import resolve_dtype
from mirror.models.memory.plan import Part
from mirror.models.memory.sizes import (
    cache_bytes,
    folder_bytes,
    folder_here,
    prefill_bytes,
    tensors_bytes,
    text_config,
)
from mirror.models.weights import HALF, find
from mirror.paths import input_path

# Bytes at 1024 × 1024 pixels in half precision. Together they are what each picture of a batch took beside the weights
# in results/benchmarks/faces.md, where a batch was decoded at once; `python -m mirror.benchmarks.memory` measures each.
DENOISING = 900_000_000  # per picture of a batch, with guidance; half of it without; CUDA graphs keep it
DECODING = 2_700_000_000  # of one picture: those of a batch are decoded one after another, whatever its size
PIXELS = 1024**2
FILTER_WORK = 15_000_000  # bytes per picture: both transformers' activations at their published shapes; an estimate


def face_parts(settings: FaceSettings, device: str, dtype: torch.dtype, wanted: int) -> list[Part]:
    """The memory that describer, painter and filters will need in this process.

    Args:
        settings: name the models.
        device: as returned by `resolve_device`.
        dtype: of the painter.
        wanted: attempts that are painted at a time, at most; they are filled up to a batch of the painter's sizes.

    Raises:
        ValueError: a model's file is broken.
    """
    pictures = 1 if device == "cpu" else sizes_for(wanted, sizes_up_to(settings.paint_batch))[-1]
    parts = [_describer_part(settings, resolve_dtype("auto", device))] if settings.describer == "local" else []
    parts.append(
        painter_part(
            settings.painter,
            settings.painter_revision,
            settings.adapter,
            dtype,
            pictures,
            settings.image_size,
            settings.guidance_scale > 1,
        )
    )
    return parts + ([_filters_part(settings, pictures)] if settings.verifier == "local" else [])


def download_faces(settings: FaceSettings, dtype: torch.dtype, roles: Collection[str]) -> None:
    """Downloads the models of some roles from the Hub, so that their sizes are known.

    Raises:
        FileNotFoundError: one is neither here nor on the Hub.
    """
    if "describer" in roles:
        find(settings.describer_model, half=dtype in HALF)
    if "painter" in roles:
        find(settings.painter, settings.painter_revision, dtype in HALF, ALL_PARTS)
        weights_file(settings.adapter, "PhotoMaker weights")
    if "filters" in roles:
        for name in (settings.safety_model, settings.relevance_model):
            find(name)


def _describer_part(settings: FaceSettings, dtype: torch.dtype) -> Part:
    folder = folder_here(settings.describer_model)
    weights = folder_bytes(folder, dtype)
    if folder is None or weights is None:
        return Part("describer", None)
    config, prompts = text_config(folder), settings.concurrency
    return Part(
        "describer",
        weights,
        cache_bytes(config, prompts, POSITIONS, dtype),
        prefill_bytes(config, prompts, POSITIONS, dtype),
    )


def _filters_part(settings: FaceSettings, pictures: int) -> Part:
    sizes = [
        folder_bytes(folder_here(name), torch.float32) for name in (settings.safety_model, settings.relevance_model)
    ]
    sizes.append(pack_bytes(input_path(settings.face_pack)))
    weights = None if None in sizes else sum(size for size in sizes if size is not None)
    return Part("filters", weights, work=FILTER_WORK * pictures)


def pack_bytes(folder: Path) -> int:
    """Of the models in the pack's folder, on whichever device onnxruntime will have them."""
    return sum(path.stat().st_size for path in folder.glob("*.onnx"))


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
    sizes = [folder_bytes(folder / part if folder else None, dtype) for part in NETWORKS]
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
