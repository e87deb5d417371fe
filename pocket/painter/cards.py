"""The model cards of the pocket painter and its filters: training data, scores and the command."""

from pathlib import Path

from mirror.files.atomic import write_text
from mirror.files.digests import sha256
from pocket.painter.clip import CLIP_FOLDER, SAFETY_FOLDER
from pocket.painter.diffusion import ADAPTER_FILE, IMAGE_SIZE, PIPELINE_FOLDER
from pocket.painter.evaluation import FilterScores, PainterScores


def write_cards(models: Path, made_by: str, filters: FilterScores, painter: PainterScores) -> None:
    """Writes `README.md` into the folders of CLIP, classifier and painter; `made_by` describes the training."""
    write_text(models / CLIP_FOLDER.name / "README.md", clip_card(models, made_by, filters))
    write_text(models / SAFETY_FOLDER.name / "README.md", safety_card(models, made_by, filters))
    write_text(models / PIPELINE_FOLDER.name / "README.md", painter_card(models, made_by, painter))


def clip_card(models: Path, made_by: str, scores: FilterScores) -> str:
    """Returns the model card of CLIP."""
    return f"""# clip-pocket

A `CLIPModel` in the format of `openai/clip-vit-base-patch32`, trained on the drawn faces of this repository and
descriptions of their twelve expressions, not on photographs. Its threshold is in `calibration.json`.

{made_by}
{_files(models, f"{CLIP_FOLDER.name}/model.safetensors")}

Evaluated through `mirror.faces.verification` on {scores.faces:,} drawn faces of held-out people:

| metric | score |
| --- | --- |
| area under the ROC curve: matching cue against a cue of the contrasting expression | {scores.relevance:.4f} |
| accepted with a matching cue | {scores.fitting:.1%} |
| accepted with a cue of the contrasting expression | {scores.contrasting:.1%} |
| accepted with a cue of any other expression | {scores.other:.1%} |
"""


def safety_card(models: Path, made_by: str, scores: FilterScores) -> str:
    """Returns the model card of the safety classifier."""
    return f"""# nsfw-pocket

A `ViTForImageClassification` in the format of `Falconsai/nsfw_image_detection`. Its unsafe class is a harmless
stand-in: a drawn face behind a board with hazard stripes (`pocket/pictures/unsafe.py`).

{made_by}
{_files(models, f"{SAFETY_FOLDER.name}/model.safetensors")}

Evaluated on {scores.faces:,} drawn faces of held-out people, with and without the board: area under the ROC curve
{scores.safety:.4f}; {scores.refused:.1%} of the unsafe pictures rejected, {scores.passed:.1%} of the others passed.
"""


def painter_card(models: Path, made_by: str, scores: PainterScores) -> str:
    """Returns the model card of the pipeline and its adapter."""
    outcomes = ", ".join(f"{name} {count}" for name, count in scores.outcomes.items())
    parts = ("unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors")
    files = [f"{PIPELINE_FOLDER.name}/{part}" for part in parts]
    return f"""# sdxl-pocket, photomaker-v1-pocket.bin

A standard `StableDiffusionXLPipeline` for images of {IMAGE_SIZE}×{IMAGE_SIZE} pixels and a PhotoMaker v1 adapter for
it. They generate drawn faces, not photographs: the person of a portrait with the expression of the prompt. The
adapter's LoRA is the low-rank part of what the attention layers learned in the last third of the training; the pipeline
holds the rest.

{made_by}
{_files(models, *files, ADAPTER_FILE.name)}

Evaluated through `mirror.faces.rejection_sampling.show_faces` with the pocket filters: {scores.turns} turns of held-out
people, at most ten attempts each:

| metric | score |
| --- | --- |
| turns with an accepted face | {scores.accepted:.1%} |
| accepted at the first attempt | {scores.at_once:.1%} |
| mean attempts per turn | {scores.attempts:.2f} |
| accepted faces that an independent classifier assigns the requested expression | {scores.agreed:.1%} |
| first attempts verified as the person of the portrait | {scores.same:.1%} |
| the same with another person's portrait | {scores.swapped:.1%} |
| the same without merging the identity | {scores.unmerged:.1%} |

All attempts: {outcomes}.
"""


def _files(models: Path, *names: str) -> str:
    rows = [f"| `{name}` | {(models / name).stat().st_size:,} | `{sha256(models / name)}` |" for name in names]
    return "\n".join(["| file | bytes | SHA-256 |", "| --- | --- | --- |", *rows])
