"""Questions about the movements of a face and their answers in plain words, derived from its action units.

No feeling is named: what a movement expresses is left to fine-tuning.
"""

from random import Random

from pocket.drawing.expressions import ActionUnits
from pocket.texts.persons import capitalize

# Part of the face, action unit, minimal intensity, description. A unit may occur twice, the higher threshold first.
_MOVEMENTS = (
    ("brows", "brow_inner_up", 0.45, "the inner brows are drawn up"),
    ("brows", "brow_outer_up", 0.45, "the brows are raised"),
    ("brows", "brow_down", 0.45, "the brows are drawn together"),
    ("brows", "brow_single", 0.45, "one brow is higher than the other"),
    ("eyes", "lid_up", 0.3, "the eyes are wide open"),
    ("eyes", "lid_down", 0.75, "the eyes are closed"),
    ("eyes", "lid_down", 0.25, "the eyes are half closed"),
    ("eyes", "squint", 0.35, "the lower lids are tight"),
    ("eyes", "gaze_x", 0.3, "the eyes look to the side"),
    ("eyes", "gaze_y", 0.4, "the eyes look down"),
    ("eyes", "tears", 0.35, "there are tears below the eyes"),
    ("eyes", "eye_bags", 0.4, "there are dark rings below the eyes"),
    ("nose", "nose_wrinkle", 0.4, "the nose is wrinkled"),
    ("nose", "flush", 0.25, "the cheeks are red"),
    ("mouth", "corner_up", 0.45, "the corners of the mouth go up"),
    ("mouth", "corner_down", 0.45, "the corners of the mouth go down"),
    ("mouth", "corner_single", 0.45, "one corner of the mouth is pulled aside"),
    ("mouth", "lip_stretch", 0.4, "the lips are stretched wide"),
    ("mouth", "lip_press", 0.35, "the lips are pressed together"),
    ("mouth", "jaw_drop", 0.5, "the mouth is wide open"),
    ("mouth", "lip_part", 0.3, "the lips are apart"),
    ("head", "head_turn", 0.4, "the head is turned aside"),
    ("head", "head_down", 0.2, "the head is lowered"),
    ("head", "head_tilt", 0.35, "the head is tilted"),
)
_ASKING = {
    "": ("What moves in the face?", "Describe the movements of the face.", "What do you see in the face?"),
    "brows": ("How are the brows?", "What do the brows do?"),
    "eyes": ("How are the eyes?", "What do the eyes do?"),
    "mouth": ("How is the mouth?", "What does the mouth do?"),
    "head": ("How is the head held?", "What does the head do?"),
}
_STILL = {"": "face is", "brows": "brows are", "eyes": "eyes are", "mouth": "mouth is", "head": "head is"}
_STRONGEST = ("Which movement is the strongest?", "What is seen first in this face?")
_CHECKING = ("Is it true that {movement}?", "Look at the face: {movement}, is that right?")


def describe_movements(units: ActionUnits, random: Random) -> tuple[str, str]:
    """Writes a question about a face with these action units, and its answer."""
    kind = random.random()
    shown = _shown(units)
    if kind < 0.25 and shown:
        strongest = max(shown, key=lambda movement: shown[movement])
        return random.choice(_STRONGEST), f"{capitalize(strongest)}."
    if kind < 0.5:
        wanted = random.random() < 0.5 and bool(shown)
        others = [movement for *_, movement in _MOVEMENTS if (movement in shown) == wanted]
        movement = random.choice(others)
        answer = f"Yes, {movement}." if wanted else "No."
        return random.choice(_CHECKING).format(movement=movement), answer
    part = random.choice(["", "", *_ASKING])
    return random.choice(_ASKING[part]), _listing(part, list(_shown(units, part)))


def _shown(units: ActionUnits, part: str = "") -> dict[str, float]:
    """Returns the movements of a part of the face, or of all of it, with their intensities; one for each unit."""
    shown: dict[str, float] = {}
    seen = set()
    for place, unit, threshold, movement in _MOVEMENTS:
        intensity = abs(getattr(units, unit))
        if part in ("", place) and intensity >= threshold and unit not in seen:
            seen.add(unit)
            shown[movement] = intensity
    return shown


def _listing(part: str, movements: list[str]) -> str:
    if not movements:
        return f"The {_STILL[part]} at rest."
    joined = movements[0] if len(movements) == 1 else f"{', '.join(movements[:-1])} and {movements[-1]}"
    return f"{capitalize(joined)}."
