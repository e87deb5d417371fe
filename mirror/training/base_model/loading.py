"""Loads the base model of a training as its settings say, after checking that it can be trained here."""

import logging

import torch

from mirror.models.checkpoint import OTHER
from mirror.models.device import available_memory, device_name, resolve_device, resolve_dtype
from mirror.models.families import loading
from mirror.models.families.vlm import Vlm
from mirror.models.hub_id import resolve_model
from mirror.models.memory.counting import CountedModel
from mirror.models.memory.fine_tuning import Model
from mirror.models.weights import model_folder
from mirror.training.base_model.memory import require_memory
from mirror.training.float8 import float8_obstacle
from mirror.training.settings import TrainSettings

log = logging.getLogger(__name__)


def load_base_model(settings: TrainSettings) -> Vlm:
    """The base model, on the device, in the precision and as quantized as the settings say.

    Raises:
        FileNotFoundError: it was found neither locally nor on the Hub.
        DoesNotFit: the training needs more memory than the GPU has.
        ValueError: it is of another size than the settings say, or float8 or nf4 cannot be used here.
    """
    device = resolve_device(settings.device)
    if settings.float8 and (obstacle := float8_obstacle(torch.device(device))):
        raise ValueError(f"float8 cannot be used here: {obstacle}; set it false")
    base_model = resolve_model(settings.base_model)
    loading.check_size(base_model, settings.revision, settings.size)
    dtype = resolve_dtype(settings.precision, device)
    if device != "cpu":  # a CPU is never refused: it can swap
        folder = model_folder(base_model, settings.revision, only_config=True)
        model = CountedModel.of(folder) if settings.size == OTHER else Model.of(folder)
        place = torch.device(device)
        need = require_memory(settings, model, dtype.itemsize, available_memory(place), device_name(place))
        log.info("the training %s", need)
    return loading.load(base_model, settings.revision, settings.vision_tower, dtype, device, quantize=settings.quantize)
