"""Models that take turns on a device: while one works, the weights of the others rest in CPU memory.

Weights do not change here, so each resting model keeps one copy in CPU memory, pinned if the device is a GPU: going to
rest frees the device's copy, and waking copies the CPU's. Parameters stay the same objects, but their addresses change
with every turn: a CUDA graph must not hold them. Knows nothing of what the models compute.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import NamedTuple

import torch
from torch import nn

CHUNK = 2**30  # bytes of a piece of memory, about: pinned memory comes in powers of two, so nearly full ones waste none
ALIGNMENT = 512  # bytes; compiled kernels expect a tensor to begin as one of its own would


class Rotation:
    """The models that share a device. Calls of different threads wait for each other, if any model rests.

    Attributes:
        device: where models work.
        resting: the roles whose weights rest while another model works; empty: all weights stay on the device.
    """

    def __init__(self, device: str, resting: Collection[str] = ()) -> None:
        """Starts without models."""
        self.device, self.resting = torch.device(device), frozenset(resting)
        self._lock = RLock()
        self._seats: list[Seat] = []

    def join(self, role: str, modules: Iterable[nn.Module]) -> "Seat":
        """Takes a model in: its weights go to the device, or to rest until its first turn.

        Args:
            role: of the model, such as `painter`.
            modules: its networks, on any device; all transformations of their weights are done.
        """
        modules = list(modules)
        stored = None
        if role in self.resting:
            stored = StoredWeights(modules, pinned=self.device.type == "cuda")
        else:
            for module in modules:
                module.to(self.device)
        self._seats.append(Seat(self, stored))
        return self._seats[-1]

    def take(self, seat: "Seat") -> None:
        """Begins the turn of a model: waits for another's to end, and swaps the weights."""
        if not self.resting:
            return
        self._lock.acquire()
        try:
            if seat.stored and seat.stored.awake:
                return
            for other in self._seats:
                if other is not seat and other.stored and other.stored.awake:
                    other.stored.rest()
                    if self.device.type == "cuda":
                        torch.cuda.empty_cache()  # for libraries that allocate beside PyTorch
            if seat.stored:
                seat.stored.wake(self.device)
        except BaseException:
            self._lock.release()
            raise

    def leave(self) -> None:
        """Ends a turn; the weights stay until another model takes its own."""
        if self.resting:
            self._lock.release()


class Seat(AbstractContextManager[None]):
    """The place of one model in a rotation; within its `with` blocks, which may be nested, the model can work.

    Attributes:
        device: where the model works.
        stored: its weights in CPU memory; None if they never leave the device.
    """

    def __init__(self, rotation: Rotation, stored: "StoredWeights | None") -> None:
        """Made by `Rotation.join`."""
        self._rotation, self.stored = rotation, stored
        self.device = rotation.device

    @property
    def moves(self) -> bool:
        """Whether the addresses of weights change, so that no CUDA graph can hold them."""
        return self.stored is not None

    def __enter__(self) -> None:
        self._rotation.take(self)

    def __exit__(self, *_: object) -> None:
        self._rotation.leave()


class Place(NamedTuple):
    """Where the values of a tensor are: a piece of memory, the first byte in it, and the layout."""

    chunk: int
    start: int
    dtype: torch.dtype
    shape: torch.Size
    stride: tuple[int, ...]

    def of(self, chunks: Sequence[torch.Tensor]) -> torch.Tensor:
        """The tensor, as a view of `chunks`."""
        count = self.shape.numel() * self.dtype.itemsize
        values = chunks[self.chunk][self.start : self.start + count].view(self.dtype)
        return values.as_strided(self.shape, self.stride)


class StoredWeights:
    """The parameters and buffers of networks, packed in CPU memory, from which they are copied to a device.

    Attributes:
        awake: whether the networks use a copy on the device.
    """

    def __init__(self, modules: Iterable[nn.Module], pinned: bool) -> None:
        """Copies the weights piece by piece, and frees where they were before."""
        self.awake = False
        self._chunks: list[torch.Tensor] = []
        self._places: list[tuple[torch.Tensor, Place]] = []
        with torch.inference_mode(False), torch.no_grad():
            for group in _grouped(modules):
                self._pack(group, pinned)

    @property
    def size(self) -> int:
        """Bytes in CPU memory."""
        return sum(chunk.numel() for chunk in self._chunks)

    def _pack(self, tensors: Sequence[torch.Tensor], pinned: bool) -> None:
        self._chunks.append(torch.empty(sum(map(_room, tensors)), dtype=torch.uint8, pin_memory=pinned))
        start = 0
        for tensor in tensors:
            stride = torch.empty_like(tensor, device="meta").stride()  # dense, in the tensor's memory format
            place = Place(len(self._chunks) - 1, start, tensor.dtype, tensor.shape, stride)
            tensor.data = place.of(self._chunks).copy_(tensor)
            self._places.append((tensor, place))
            start += _room(tensor)

    @torch.inference_mode(False)
    @torch.no_grad()
    def wake(self, device: torch.device) -> None:
        """Copies the weights to the device.

        Raises:
            torch.OutOfMemoryError: they do not fit there; they go on resting.
        """
        copies = [torch.empty_like(chunk, device=device).copy_(chunk, non_blocking=True) for chunk in self._chunks]
        self._use(copies)
        self.awake = True

    @torch.inference_mode(False)
    @torch.no_grad()
    def rest(self) -> None:
        """Frees the copy on the device."""
        self._use(self._chunks)
        self.awake = False

    def _use(self, chunks: Sequence[torch.Tensor]) -> None:
        for tensor, place in self._places:
            tensor.data = place.of(chunks)


def _grouped(modules: Iterable[nn.Module]) -> list[list[torch.Tensor]]:
    """The parameters and buffers, each once, in groups that fit into a piece of memory; a larger one is alone."""
    modules = list(modules)
    found = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    groups: list[list[torch.Tensor]] = []
    filled = CHUNK
    for tensor in {id(tensor): tensor for tensor in found if tensor.numel()}.values():
        if filled + _room(tensor) > CHUNK:
            groups.append([])
            filled = 0
        groups[-1].append(tensor)
        filled += _room(tensor)
    return groups


def _room(tensor: torch.Tensor) -> int:
    """Bytes that the tensor takes, rounded up to the alignment."""
    return -(-tensor.numel() * tensor.element_size() // ALIGNMENT) * ALIGNMENT
