"""The model cards of the pocket painter and its filters: what they learned from, what they score, the command."""

from pathlib import Path

from mirror.files.atomic import write_text
from mirror.files.digests import sha256
from pocket.painter.clip import CLIP_FOLDER, SAFETY_FOLDER
from pocket.painter.diffusion import ADAPTER_FILE, IMAGE_SIZE, PIPELINE_FOLDER
from pocket.painter.evaluation import FilterScores, PainterScores


def write_cards(models: Path, made_by: str, filters: FilterScores, painter: PainterScores) -> None:
    """Writes `README.md` into the folders of CLIP, classifier and painter; `made_by` says how they came about."""
    write_text(models / CLIP_FOLDER.name / "README.md", clip_card(models, made_by, filters))
    write_text(models / SAFETY_FOLDER.name / "README.md", safety_card(models, made_by, filters))
    write_text(models / PIPELINE_FOLDER.name / "README.md", painter_card(models, made_by, painter))


def clip_card(models: Path, made_by: str, exam: FilterScores) -> str:
    return f"""# clip-pocket

A `CLIPModel` in the format of `openai/clip-vit-base-patch32` that knows the drawn faces of this repository and the
words that speak of their twelve expressions; no photographs. Its threshold stands in `calibration.json`.

{made_by}
{_files(models, f"{CLIP_FOLDER.name}/model.safetensors")}

Measured through `mirror.faces.verification` on {exam.faces:,} drawn faces of people it never saw:

| what | score |
| --- | --- |
| area under the curve: a face with a cue of its own expression, or of the contrasting one | {exam.relevance:.4f} |
| accepted with a cue of its own | {exam.fitting:.1%} |
| accepted with a cue of the contrast | {exam.contrasting:.1%} |
| accepted with a cue of any other expression | {exam.other:.1%} |
"""


def safety_card(models: Path, made_by: str, exam: FilterScores) -> str:
    return f"""# nsfw-pocket

A `ViTForImageClassification` in the format of `Falconsai/nsfw_image_detection`. Its unsafe class is a harmless
stand-in: a drawn face behind a board with hazard stripes (`pocket/pictures/unsafe.py`).

{made_by}
{_files(models, f"{SAFETY_FOLDER.name}/model.safetensors")}

Measured on {exam.faces:,} drawn faces of people it never saw, with and without the board: area under the curve
{exam.safety:.4f}; {exam.refused:.1%} of the unsafe refused, {exam.passed:.1%} of the others passed.
"""


def painter_card(models: Path, made_by: str, exam: PainterScores) -> str:
    outcomes = ", ".join(f"{name} {count}" for name, count in exam.outcomes.items())
    parts = ("unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors")
    files = [f"{PIPELINE_FOLDER.name}/{part}" for part in parts]
    return f"""# sdxl-pocket, photomaker-v1-pocket.bin

A stock `StableDiffusionXLPipeline` for pictures of {IMAGE_SIZE} pixels a side and a PhotoMaker v1 adapter for it. They
paint drawn faces, no photographs: the person of a portrait, with the expression that the prompt asks for. The adapter's
LoRA is the part of low rank of what the attentions learned in the last third of the training; the pipeline holds the
rest.

{made_by}
{_files(models, *files, ADAPTER_FILE.name)}

Measured through `mirror.faces.rejection_sampling.show_faces` with the pocket filters, {exam.turns} turns of people they never saw, at most
ten attempts:

| what | score |
| --- | --- |
| turns with an accepted face | {exam.accepted:.1%} |
| accepted at once | {exam.at_once:.1%} |
| attempts a turn | {exam.attempts:.2f} |
| accepted faces in which a reader of drawn faces sees the expression asked for | {exam.agreed:.1%} |
| first attempts that pass as the person of the portrait | {exam.same:.1%} |
| the same with another person's portrait | {exam.swapped:.1%} |
| the same where the identity was never merged in | {exam.unmerged:.1%} |

All attempts: {outcomes}.
"""


def _files(models: Path, *names: str) -> str:
    rows = [f"| `{name}` | {(models / name).stat().st_size:,} | `{sha256(models / name)}` |" for name in names]
    return "\n".join(["| file | bytes | SHA-256 |", "| --- | --- | --- |", *rows])
