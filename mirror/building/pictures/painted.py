"""What came of painting one line: small enough to be sent by one process to another, complete enough to be kept."""

from dataclasses import dataclass

from mirror.building.pictures.journal import PaintedRecord
from mirror.faces.rejection_sampling import FaceError, FacesExhausted, PortraitUnusable, ShownFace
from mirror.files.image_file import png


@dataclass(frozen=True)
class Painted:
    """The faces that were painted for a line.

    Attributes:
        attempts: all of them, in order.
        chosen: number of the attempt that is kept; None if none is.
        exhausted: whether all attempts were rejected.
        unusable: why the portrait cannot be used; empty if it can.
        fault: of a service or a filter, through no fault of text or portrait: nothing is kept; else empty.
        picture: the face that is kept, as a PNG file.
    """

    attempts: tuple[PaintedRecord, ...]
    chosen: int | None = None
    exhausted: bool = False
    unusable: str = ""
    fault: str = ""
    picture: bytes | None = None

    @classmethod
    def of(cls, result: ShownFace | FaceError) -> "Painted":
        """The outcome of a search."""
        attempts = tuple(
            PaintedRecord(number=one.number, seed=one.seed, verdict=one.verdict) for one in result.attempts
        )
        if isinstance(result, ShownFace):
            return cls(attempts, result.chosen.number, result.exhausted, picture=png(result.image))
        if isinstance(result, FacesExhausted):
            return cls(attempts, exhausted=True)
        told = str(result) or repr(result)
        return cls(attempts, unusable=told) if isinstance(result, PortraitUnusable) else cls(attempts, fault=told)
