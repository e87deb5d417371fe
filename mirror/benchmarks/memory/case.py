"""One way to counsel on one card: builds the cast under a cap, runs sessions, and watches memory.

PyTorch gets as much of the GPU as the pretended card has. Needs a process of its own: peaks and caps are the process's.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from mirror.benchmarks.counseling import measure, print_progress
from mirror.benchmarks.random_models.cast import RECIPES, random_cast
from mirror.counseling.cast import Cast
from mirror.counseling.casting import build_cast, plan_memory
from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import LlavaSpeaker
from mirror.faces.memory import pack_bytes, work_bytes
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.pipeline import networks
from mirror.faces.verification import LocalVerifier
from mirror.models.decoding import POSITIONS
from mirror.models.device import available_memory, device_name, machine_memory
from mirror.models.families.vlm import Vlm
from mirror.models.memory.plan import RESTING, Part, Plan, choose
from mirror.models.memory.rotation import Rotation, Seat
from mirror.models.memory.sizes import cache_bytes, prefill_bytes
from mirror.paths import input_path
from mirror.transcripts.profile import Profile, read_profiles

CONTEXT = 6e8  # bytes of a card that the driver's context takes, about, and that PyTorch does not count


@dataclass(frozen=True)
class Case:
    """One way to run on one card.

    Attributes:
        offload: whose weights rest while others work: `none`, `counselor`, `painter` or `all`.
        sessions: that advance together.
        card: GiB of the pretended card; 0: all that the GPU has.
        paint_batch: faces painted at a time.
        size: `7b` or `pocket`.
        steps: denoising steps per face; not used at pocket size.
        turns: per session.
        compile: what of the painter is compiled: `none`, `blocks` or `whole`; not used at pocket size.
    """

    offload: str
    sessions: int
    card: int
    paint_batch: int
    size: str
    steps: int
    turns: int
    compile: Literal["none", "blocks", "whole"] = "blocks"


@dataclass(frozen=True)
class Measurement:
    """What one case needed and how fast it was; memory in 10⁹ bytes.

    Attributes:
        case: what was run.
        device: the GPU's name, or `cpu`.
        estimated: what a run is said to need before its models load; None if memory ran out while they were built.
        fits: whether a run would be started.
        reserved: the most that PyTorch reserved while sessions ran; None on a CPU.
        painting: the most that tensors took while faces were painted, besides what was there before; None on a CPU.
        replying: the same while replies were written.
        pinned: CPU memory of weights at rest.
        seconds: per turn.
        stages: role → seconds per turn in which it is at work.
        moving: role → seconds for its weights to come back from rest.
        failure: why it could not run; empty if it could.
    """

    case: Case
    device: str
    estimated: float | None = None
    fits: bool = False
    reserved: float | None = None
    painting: float | None = None
    replying: float | None = None
    pinned: float = 0.0
    seconds: float | None = None
    stages: Mapping[str, float] | None = None
    moving: Mapping[str, float] | None = None
    failure: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Measurement":
        """The measurement that `dataclasses.asdict` made `values` of."""
        return cls(**{**values, "case": Case(**values["case"])})


def run_case(case: Case) -> Measurement:
    """Measures one case in this process. Where memory runs out, the measurement says so."""
    device = torch.device("cuda" if case.size == "7b" else "cpu")
    if case.card and device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min((case.card * 2**30 - CONTEXT) / total, 1.0))
    available = available_memory(device)
    found = Measurement(case, device_name(device))
    with tempfile.TemporaryDirectory() as folder:
        try:
            cast, plan = pocket_cast(case) if case.size == "pocket" else large_cast(case, available, Path(folder))
            found = replace(found, estimated=plan.needed / 1e9, fits=plan.fits, pinned=plan.kept / 1e9)
            print_progress(f"offload {case.offload}, {case.sessions} sessions: the cast is loaded; {plan.sentence()}")
            return _measured(found, cast)
        except RuntimeError as error:  # torch.OutOfMemoryError is one; a session that failed tells it in its message
            if "out of memory" not in str(error):
                raise
            return replace(found, failure="out of memory")


def _measured(found: Measurement, cast: Cast) -> Measurement:
    case, on_gpu = found.case, found.device != "cpu"
    cast.warm_up(case.sessions)  # as a run does: it allocates the cache of replies
    painter, llava = painter_of(cast), llava_of(cast)
    assert llava.seat is not None
    watches = [Watch(painter, "paint", painter.seat), Watch(cast.counselor, "reply", llava.seat)] if on_gpu else []
    taken = measure(cast, pocket_profiles(case.sessions), case.sessions, case.turns)
    if watches:
        painting, replying = (watch.work / 1e9 for watch in watches)
        reserved = max(watch.reserved for watch in watches) / 1e9
        found = replace(found, reserved=reserved, painting=painting, replying=replying)
    turns = {"counselor": (llava.seat, painter.seat), "painter": (painter.seat, llava.seat)}
    moving = {role: seconds_of_change(*seats) for role, seats in turns.items() if seats[0].moves}
    return replace(found, seconds=taken.seconds / taken.turns, stages=taken.stages, moving=moving)


class Watch:
    """Watches the GPU's memory in the calls of a method.

    Attributes:
        work: bytes, the most that a call took besides what was there before; the first call, which compiles, apart.
        reserved: bytes, the most that PyTorch reserved in a call.
    """

    def __init__(self, owner: object, name: str, seat: Seat) -> None:
        """Replaces the method `name` of `owner`, whose model has `seat`."""
        self._method, self._seat = getattr(owner, name), seat
        self.work = self.reserved = self._calls = 0
        setattr(owner, name, self)

    def __call__(self, *given: Any) -> Any:
        """Calls the method."""
        with self._seat:  # its weights come back first
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            result = self._method(*given)
        if self._calls:
            self.work = max(self.work, torch.cuda.max_memory_allocated() - before)
        self.reserved = max(self.reserved, torch.cuda.max_memory_reserved())
        self._calls += 1
        return result


def seconds_of_change(seat: Seat, other: Seat) -> float:
    """Seconds until a model that rests can work, with the other's going to rest."""
    with other:
        _finish(other)
    start = time.perf_counter()
    with seat:
        _finish(seat)
    return time.perf_counter() - start


def _finish(seat: Seat) -> None:
    if seat.device.type == "cuda":
        torch.cuda.synchronize(seat.device)


# Casts ----------------------------------------------------------------------------------------------------------------


def pocket_profiles(count: int) -> list[Profile]:
    """The first clients of the pocket table."""
    return read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:count]


def pocket_cast(case: Case) -> tuple[Cast, Plan]:
    """The pocket models on the CPU, and the plan of their memory."""
    changes: dict[str, Any] = {"offload": case.offload, "paint_batch": case.paint_batch, "device": "cpu"}
    file = input_path("params/counsel/pocket-llava.yaml")
    settings = CounselSettings.from_file(file, concurrency=case.sessions, **changes)
    return build_cast(settings), plan_memory(settings)


def large_cast(case: Case, available: int, folder: Path) -> tuple[Cast, Plan]:
    """Random weights at the published shapes on the GPU, and the plan that a run of them would get."""
    rotation = Rotation("cuda", RESTING[case.offload])
    recipe = replace(RECIPES["default"], steps=case.steps, merge_step=case.steps // 5)
    cast = random_cast("base", recipe, folder, case.compile, case.paint_batch, rotation)
    torch.cuda.empty_cache()
    parts = parts_of(cast, case, pack_bytes(folder / "pack"))
    return cast, choose(parts, case.offload, torch.cuda.get_device_name(), available, machine_memory())


def parts_of(cast: Cast, case: Case, pack: int) -> Sequence[Part]:
    """The parts of a cast that is loaded: weights counted, with `pack` bytes of faces; the rest as before loading."""
    llava, painter, verifier = llava_of(cast), painter_of(cast), cast.verifier
    assert isinstance(verifier, LocalVerifier)
    config, dtype = llava.model.config.text_config.to_dict(), llava.model.dtype
    need = (config, case.sessions, POSITIONS, dtype)
    work = work_bytes(dtype, case.paint_batch, painter.recipe.size, painter.recipe.guided)
    return [
        Part("counselor", weights_of(llava.model), cache_bytes(*need), prefill_bytes(*need)),
        Part("painter", weights_of(*networks(painter.pipeline), painter.id_encoder), work=work),
        Part("filters", weights_of(verifier.safety.model, verifier.relevance.model) + pack),
    ]


def weights_of(*modules: nn.Module) -> int:
    """Bytes of all parameters and buffers."""
    return sum(tensor.nbytes for module in modules for tensor in (*module.parameters(), *module.buffers()))


def llava_of(cast: Cast) -> Vlm:
    """The counselor's LLaVA."""
    assert isinstance(cast.counselor, Counselor) and isinstance(cast.counselor.speaker, LlavaSpeaker)
    return cast.counselor.speaker.llava


def painter_of(cast: Cast) -> PhotoMaker:
    """The painter in this process."""
    assert isinstance(cast.painter, PhotoMaker)
    return cast.painter
