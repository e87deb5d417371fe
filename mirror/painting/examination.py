"""What the filters say of first attempts beyond their verdicts, and the two controls: a stranger, and no person at all.

A verdict ends at the first filter that rejects. Here all filters see the face, so that painters are compared on all
first attempts and not on those that passed.
"""

from collections.abc import Sequence

import torch
from PIL import Image

from mirror.faces.verification import LocalVerifier, VerificationRequest
from mirror.painting.attempts import Examination
from mirror.painting.sitting import Sitting
from mirror.transcripts.verdict import Check


@torch.inference_mode()
def examine(
    verifier: LocalVerifier,
    sittings: Sequence[Sitting],
    faces: Sequence[Image.Image],
    without_person: Sequence[Image.Image],
) -> list[Examination]:
    """Examines first attempts.

    Args:
        verifier: the filters.
        sittings: what was asked for.
        faces: one per sitting.
        without_person: one per sitting, painted from the text alone.
    """
    if not sittings:
        return []
    asked = [sitting.request.verification(face) for sitting, face in zip(sittings, faces, strict=True)]
    safety, relevance = verifier.safety.check(asked), verifier.relevance.check(asked)
    strangers = [VerificationRequest(face, s.stranger, "") for s, face in zip(sittings, faces, strict=True)]
    nobody = [s.request.verification(face) for s, face in zip(sittings, without_person, strict=True)]
    same, other, alone = (verifier.identity.check(requests) for requests in (asked, strangers, nobody))
    return [
        Examination(
            safety=_score(found[0].check) or 0.0,
            relevance=_score(found[1].check) or 0.0,
            identity=_score(found[2].check),
            swapped=_score(found[3].check),
            without_person=_score(found[4].check),
            identity_threshold=verifier.identity.threshold,
        )
        for found in zip(safety, relevance, same, other, alone, strict=True)
    ]


def _score(check: Check | None) -> float | None:
    return check.score if check else None
