"""What every rank does of a training: prepare the model, begin where the last checkpoint ends, take the steps."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from mirror.files.digests import content_digest
from mirror.models.checkpoint import checkpoint_name
from mirror.models.device import compile_obstacle
from mirror.models.families.vlm import Vlm
from mirror.models.lora import LoraModel, add_lora
from mirror.paths import input_path, output_path
from mirror.seeds import seed_for
from mirror.tracking import Tracker
from mirror.training.dataset import TrainingSet, load_training_set
from mirror.training.float8 import freeze_in_float8
from mirror.training.loop import TrainingLoop
from mirror.training.ranks import Ranks
from mirror.training.resume import Progress, resume
from mirror.training.settings import TrainSettings
from mirror.training.step import Stepper, compile_layers, make_optimizer

log = logging.getLogger(__name__)


def final_checkpoint(settings: TrainSettings) -> Path:
    """The folder of the final checkpoint."""
    name = checkpoint_name(settings.size, settings.cot, settings.epochs, settings.base_model)
    return output_path(settings.checkpoint_folder) / name


def load_data(settings: TrainSettings, llava: Vlm) -> TrainingSet:
    """The training set of the settings.

    Raises:
        DataError, ValueError: as `load_training_set`.
    """
    s = settings
    options = (s.max_length, s.held_out, s.on_fault, s.seed, s.cot)
    return load_training_set(input_path(s.data), input_path(s.image_folder), llava, *options)


def new_lora(settings: TrainSettings, llava: Vlm) -> LoraModel:
    """The base model with new LoRA weights, the same on every rank."""
    s = settings
    return add_lora(llava.model, s.lora_rank, s.lora_alpha, s.lora_dropout, seed_for("lora", s.seed))


class Fitting:
    """The training of one model by one rank, alone or together with others.

    Attributes:
        progress: how far it has come.
        loop: its steps.
    """

    def __init__(self, settings: TrainSettings, llava: Vlm, data: TrainingSet, model: LoraModel, ranks: Ranks) -> None:
        """Prepare model and optimizer.

        Args:
            settings: of the run.
            llava: that the model was made of.
            data: the training set.
            model: as of `new_lora`; changed in place.
            ranks: that train it.
        """
        self.settings, self.model, self.ranks = settings, model, ranks
        self.loop = TrainingLoop(settings, llava, data, ranks)
        self.progress = Progress()
        device = llava.model.device
        if settings.float8:
            freeze_in_float8(model)
        s = settings
        self.optimizer = make_optimizer(model, s.learning_rate, s.projector_learning_rate, s.weight_decay)
        if s.compile and (obstacle := compile_obstacle(device)):
            log.warning("layers are not compiled: %s; training is slower, its numbers are the same", obstacle)
        elif s.compile:
            compile_layers(model, s.activation_budget)

    def begin(self, checkpoint: Path, data_sha256: str) -> None:
        """Connect the ranks and load the newest intermediate checkpoint, which rank 0 alone reads.

        Args:
            checkpoint: folder of the final one, which names the intermediate ones.
            data_sha256: hash of the data file.

        Raises:
            ValueError: the checkpoint is damaged, or the ranks have different settings or data.
            RankFailed: another rank failed.
        """
        self.ranks.connect()
        self._refuse_different_inputs(data_sha256)
        if self.ranks.is_first:
            self.progress = resume(checkpoint, self.model, self.optimizer)
        self.progress = Progress(**self.ranks.spread_json(asdict(self.progress)))
        if self.ranks.count > 1:
            self._spread_weights()

    def run(self, checkpoint: Path, save: Callable[[], None], tracker: Tracker | None = None) -> None:
        """Take all steps that are left; the arguments are those of `TrainingLoop.run`.

        Raises:
            Diverged: a loss or a gradient is not finite.
            RankFailed: another rank failed.
        """
        s = self.settings
        stepper = Stepper(
            self.model,
            self.optimizer,
            self.loop.micro_batch,
            s.activation_checkpointing,
            s.max_grad_norm,
            s.seed,
            self.ranks,
        )
        self.loop.run(stepper, self.progress, checkpoint, save, tracker)

    def _refuse_different_inputs(self, data_sha256: str) -> None:
        """Check that all ranks take the same steps on the same data: on several machines, copies may differ."""
        settings = {k: v for k, v in self.settings.model_dump().items() if k != "device"}
        digest = content_digest({"settings": settings, "data": data_sha256, "plan": self.loop.plan})
        found = self.ranks.gather(int(digest[:12], 16))  # 48 bits, exact as a float
        if different := [rank for rank, one in enumerate(found) if one != found[0]]:
            raise ValueError(
                f"ranks {different} have other settings or another training set than rank 0; give every machine the "
                "same parameters, and copies of the same files"
            )

    def _spread_weights(self) -> None:
        """Give every rank the weights of rank 0, and the optimizer's state."""
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        self.ranks.spread([weight.detach() for weight in weights])
        if not self.progress.step:
            return
        if not self.ranks.is_first:
            for weight in weights:
                self.optimizer.state[weight] = {
                    "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        names = ("step", "exp_avg", "exp_avg_sq")
        self.ranks.spread([self.optimizer.state[weight][name] for weight in weights for name in names])
