"""Paints every sitting with every painter, batch by batch in turn, and keeps each attempt on disk; resumable.

Painters take turns after every batch, so that whatever else the machine does slows all alike. A face that is rejected
goes into its painter's next batch. Faces do not depend on batches; on a GPU only up to rounding.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from mirror.faces.rejection_sampling import PortraitUnusable, refusal
from mirror.faces.verification import LocalVerifier, VerificationError
from mirror.files.digests import content_digest
from mirror.painting.attempts import AttemptFile, AttemptRecord, Examination, Place
from mirror.painting.casting import NamedPainter
from mirror.painting.examination import examine
from mirror.painting.sitting import Key, Sitting
from mirror.painting.stopwatch import Stopwatch
from mirror.progress_bar import progress_bar
from mirror.run_folder import RunConflict

SHOWN = 5  # faults that a message names
# Facts of models that say how fast they run, not what they paint; the settings of a run keep them the same.
_OF_THE_MACHINE = {"device", "batch_size", "compile", "providers"}
Task = tuple[Sitting, int]  # and the number of the attempt


class Studio:
    """All painters with all sittings."""

    def __init__(
        self,
        file: AttemptFile,
        painters: Sequence[NamedPainter],
        verifier: LocalVerifier,
        sittings: Sequence[Sitting],
        attempts: int,
        stopwatch: Stopwatch,
    ) -> None:
        """Paints nothing yet.

        Args:
            file: what has been painted; read already.
            painters: the first is the reference.
            verifier: accepts or rejects the faces.
            sittings: what is painted.
            attempts: per sitting at most, ≥ 1.
            stopwatch: of the painters' device.
        """
        self.file, self.painters, self.verifier, self.sittings = file, painters, verifier, sittings
        self.attempts, self.stopwatch = attempts, stopwatch
        shared = _determining(verifier.facts())
        self._methods = {one.name: {"painter": _determining(one.facts()), "filters": shared} for one in painters}
        self._warm: set[tuple[str, int]] = set()

    # Before painting --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Checks that all portraits can be used, and that attempts on disk are of these painters, filters and clients.

        Raises:
            PortraitUnusable: the portraits of some clients do not show one face, or a painter cannot use them.
            RunConflict: attempts were made with other weights, filters or portraits.
        """
        faults: dict[str, str] = {}
        models = {id(painter.model): painter.model for painter in self.painters}
        for sitting in self.sittings:
            found = [refused for model in models.values() if (refused := refusal(model, sitting.request))]
            faces = len(self.verifier.identity.pack.portrait(sitting.portrait))
            if found or faces != 1:
                shown = f"{faces} faces" if faces else "no face"
                faults.setdefault(sitting.client, str(found[0]) if found else f"the portrait shows {shown}")
        if faults:
            named = "; ".join(f"client {client}: {fault}" for client, fault in list(faults.items())[:SHOWN])
            raise PortraitUnusable(f"{len(faults)} clients cannot be painted ({named}); give them other portraits", [])
        for painter in self.painters:
            for sitting in self.sittings:
                if any(
                    made.digest != self._digest(painter, sitting) for made in self.file.of(painter.name, sitting.key)
                ):
                    raise RunConflict(
                        f"{painter.name}: client {sitting.client} was painted with other weights, filters or "
                        "portraits; give this run another name (-p run NAME), or start over with -p fresh True"
                    )

    def _digest(self, painter: NamedPainter, sitting: Sitting) -> str:
        """Of all that determines the attempts of a painter at a sitting."""
        request = sitting.request
        asked = {"prompt": request.prompt, "negative_prompt": request.negative_prompt, "statement": request.statement}
        return content_digest(
            self._methods[painter.name]
            | asked
            | {"portraits": list(sitting.portraits_sha256), "seed": request.attempt_seed(1)}
        )

    # Painting ---------------------------------------------------------------------------------------------------------

    def paint(self) -> dict[Place, list[AttemptRecord]]:
        """Paints until every sitting of every painter has an accepted face or no attempts left.

        Returns:
            The attempts by painter, client and expression, in the order of painters and sittings.

        Raises:
            VerificationError: the filters failed on a face. All other attempts are on disk.
        """
        total = len(self.painters) * len(self.sittings)
        left = sum(len(self._open(painter)) for painter in self.painters)
        with progress_bar("painting", "faces", total, total - left) as bar:
            for painter, batch in self._turns():
                records = self._take_turn(painter, batch)
                bar.update(sum(record.is_last(self.attempts) for record in records))
                bar.set_postfix_str(painter.name)
        return self.file.settle([painter.name for painter in self.painters], self.keys)

    @property
    def keys(self) -> list[Key]:
        """Client and expression of every sitting."""
        return [sitting.key for sitting in self.sittings]

    def _turns(self) -> Iterator[tuple[NamedPainter, list[Task]]]:
        """Painters with their next batches; in every round another painter is the first."""
        order = list(self.painters)
        while batches := [(painter, batch) for painter in order if (batch := self._open(painter)[: painter.batch])]:
            yield from batches
            order = [*order[1:], *order[:1]]

    def _open(self, painter: NamedPainter) -> list[Task]:
        """The attempts that are due, in the order of the sittings."""
        found = []
        for sitting in self.sittings:
            made = self.file.of(painter.name, sitting.key)
            if not made or not made[-1].is_last(self.attempts):
                found.append((sitting, len(made) + 1))
        return found

    def _take_turn(self, painter: NamedPainter, batch: Sequence[Task]) -> list[AttemptRecord]:
        requests = [sitting.request.painting(sitting.request.attempt_seed(number)) for sitting, number in batch]
        self._warm_up(painter, batch)
        with self.stopwatch.lap() as lap:
            images = painter.paint(requests)
            asked = [sitting.request.verification(image) for (sitting, _), image in zip(batch, images, strict=True)]
            verdicts = self.verifier.verify(asked)
        examined = self._examine(painter, batch, images)
        records, failed = [], []
        for (sitting, number), image, verdict in zip(batch, images, verdicts, strict=True):
            if isinstance(verdict, VerificationError):
                failed.append(f"{painter.name}, client {sitting.client}, {sitting.expression}: {verdict}")
                continue
            record = AttemptRecord(
                painter=painter.name,
                client=sitting.client,
                expression=sitting.expression,
                number=number,
                seed=sitting.request.attempt_seed(number),
                digest=self._digest(painter, sitting),
                verdict=verdict,
                seconds=lap.seconds / len(batch),
                examined=examined.get(sitting.key) if number == 1 else None,
            )
            self.file.add(record, image)
            records.append(record)
        if failed:
            raise VerificationError("; ".join(failed[:SHOWN]))
        return records

    def _warm_up(self, painter: NamedPainter, batch: Sequence[Task]) -> None:
        """Does once, unmeasured, what a first batch does besides painting; on a GPU a first batch of each size."""
        size = len(batch) if self.stopwatch.unit == "GPU" else 1
        if (painter.name, size) in self._warm:
            return
        sittings = [sitting for sitting, _ in batch[:size]]
        images = painter.paint([sitting.request.painting(sitting.request.seed) for sitting in sittings])
        self.verifier.verify([one.request.verification(image) for one, image in zip(sittings, images, strict=True)])
        self._warm.add((painter.name, size))

    def _examine(
        self, painter: NamedPainter, batch: Sequence[Task], images: Sequence[Image.Image]
    ) -> Mapping[Key, Examination]:
        """Examines the first attempts of a batch, with the same noise painted without the person."""
        firsts = [place for place, (_, number) in enumerate(batch) if number == 1]
        if not firsts:
            return {}
        # A GPU is ready for batches of this size; one of the first attempts alone could need to be compiled.
        painted = range(len(batch)) if self.stopwatch.unit == "GPU" else firsts
        asked = [batch[place][0].request for place in painted]
        alone = painter.paint_without_person([request.painting(request.attempt_seed(1)) for request in asked])
        without_person = dict(zip(painted, alone, strict=True))
        sittings = [batch[place][0] for place in firsts]
        faces, nobody = [images[place] for place in firsts], [without_person[place] for place in firsts]
        found = examine(self.verifier, sittings, faces, nobody)
        return {sitting.key: one for sitting, one in zip(sittings, found, strict=True)}


def _determining(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of models that pictures and verdicts depend on."""
    return {
        name: _determining(value) if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if name not in _OF_THE_MACHINE
    }
