"""The model card of the distilled pocket painter: how it was made, and its scores beside the default painter's."""

from collections.abc import Mapping
from pathlib import Path

from mirror.files.digests import sha256
from pocket.painter.distilled.distillation import DistillationSchedule
from pocket.painter.distilled.evaluation import ComparedScores


def distilled_card(file: Path, schedule: DistillationSchedule, seed: int, scores: Mapping[str, ComparedScores]) -> str:
    """Returns the model card of the LoRA in `file`, made by `schedule` and `seed`."""
    turns = next(iter(scores.values())).painter.turns
    rows = "\n".join(_row(name, one) for name, one in scores.items())
    return f"""# {file.name}

A LoRA for the denoiser of `sdxl-pocket`, in the format that diffusers writes and loads. With it, the pocket painter
paints in {schedule.steps} steps without guidance: DDIM with `trailing` spacing, the identity of
`photomaker-v1-pocket.bin` merged from the start. Parameters of `counsel.ipynb`:
`distilled: pocket/models/{file.name}`, `scheduler: ddim`, `spacing: trailing`, `steps: {schedule.steps}`,
`guidance_scale: 0`, `merge_at: 0`.

Made by progressive distillation in one round, trained on the student's own path
(`pocket/painter/distilled/distillation.py`). The teacher is the pocket painter with its six DDIM steps, guidance 1.5
and the identity merged after the first step: twelve evaluations of the denoiser a picture. It painted
{schedule.paths:,} pictures of {schedule.people:,} drawn people whom no other training or evaluation uses; the LoRA
(rank {schedule.rank}, of all transformers, residual blocks and samplers) was trained on {schedule.batches:,} batches of
{schedule.batch}, with seed {seed}, on one H100. No photographs. `python -m pocket fast` repeats it, up to the order of
random draws and the rounding of a GPU.

Seen on the way, mean squared distance of the latents from the teacher's on people it was not trained on (their variance
is 1; the pocket painter without distillation is at 0.072 with two steps, 0.036 with four); each was trained for three
minutes on one GPU that all shared:

| steps | method | batches | distance |
| --- | --- | --- | --- |
| 2 | this LoRA | 451 | 0.0110 |
| 2 | also a discriminator of latents, after 30% of the training | 415 | 0.0113 |
| 2 | also a loss on decoded pictures and their edges | 316 | 0.0116 |
| 2 | all weights of the denoiser instead of a LoRA | 620 | 0.0105 |
| 4 | LoRA | 223 | 0.0081 |
| 1 | LoRA, also the loss on decoded pictures | 497 | 0.0258 |

| file | bytes | SHA-256 |
| --- | --- | --- |
| `{file.name}` | {file.stat().st_size:,} | `{sha256(file)}` |

Evaluated with the pocket filters on {turns} turns of held-out people, at most ten attempts each, the painters by turns
in one run on one CPU core:

| painter | evaluations | accepted | at once | attempts | same person | another's portrait | not merged | identity | \
relevance | expression | distance | CPU seconds |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

Accepted: turns with an accepted face. Same person: first attempts that are verified as the person of the portrait, also
against another person's portrait and where the identity is never merged. Identity, relevance: areas under the ROC curve
of the filters' scores. Expression: accepted faces in which an independent classifier sees the requested expression.
Distance: from the first painter's picture of the same noise, root mean square in gray levels. CPU seconds: of painting
and filters per accepted face.

The filters alone do not tell a distilled painter from one that is merely given fewer steps: the filters recognize
even pale and soft drawings. The distance from the teacher's pictures tells them apart.
""".replace("\\\n", "")


def _row(name: str, one: ComparedScores) -> str:
    own = one.painter
    cells = [
        name, one.evaluations, f"{own.accepted:.1%}", f"{own.at_once:.1%}", f"{own.attempts:.2f}", f"{own.same:.1%}",
        f"{own.swapped:.1%}", f"{own.unmerged:.1%}", f"{one.identity:.4f}", f"{one.relevance:.4f}",
        f"{own.agreed:.1%}", f"{one.distance:.1f}", f"{one.seconds:.3f}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"
