"""Facial expressions as action units, with the feelings that name them and the cues that describe them.

After Ekman and Friesen's Facial Action Coding System: an expression is a set of movements, each with an intensity.
"""

from dataclasses import dataclass, fields, replace

from pocket.seeds import stream


@dataclass(frozen=True)
class ActionUnits:
    """Intensities, 0 (rest) … 1 (strong); ± marks -1 (the client's right) … 1 (the client's left)."""

    brow_inner_up: float = 0.0
    brow_outer_up: float = 0.0
    brow_down: float = 0.0
    brow_single: float = 0.0  # one brow up, the other down
    lid_up: float = 0.0  # wide eyes
    lid_down: float = 0.0  # 1 is closed
    squint: float = 0.0  # the lower lid comes up
    gaze_x: float = 0.0  # ±
    gaze_y: float = 0.0  # ±, 1 is down
    cheek_up: float = 0.0
    nose_wrinkle: float = 0.0
    corner_up: float = 0.0
    corner_down: float = 0.0
    corner_single: float = 0.0  # one corner pulled aside
    lip_stretch: float = 0.0
    lip_press: float = 0.0
    lip_part: float = 0.0
    jaw_drop: float = 0.0
    chin_up: float = 0.0
    tears: float = 0.0
    flush: float = 0.0
    eye_bags: float = 0.0
    head_turn: float = 0.0  # ±
    head_down: float = 0.0  # ±, 1 is down
    head_tilt: float = 0.0  # ±


@dataclass(frozen=True)
class Expression:
    """One expression that occurs in counseling.

    Attributes:
        name: Its name, the first of the feelings.
        feelings: Adjectives for it; no two expressions share one.
        cues: Descriptions of what is visible, as in `[raises one eyebrow]`.
        contrast: The name of a clearly different expression.
        units: The action units of a typical instance.
    """

    name: str
    feelings: tuple[str, ...]
    cues: tuple[str, ...]
    contrast: str
    units: ActionUnits

    @property
    def captions(self) -> tuple[str, ...]:
        """The captions of the expression, e.g. `Looks skeptical`."""
        return tuple(f"Looks {feeling}" for feeling in self.feelings)

    def instance(self, seed: int) -> ActionUnits:
        """Draws the units of one moment: each at 75 … 110% of the typical intensity, with the same sign."""
        random = stream("instance", seed)
        strength = random.uniform(0.85, 1.0)
        moved = {}
        for field in fields(self.units):
            value = getattr(self.units, field.name) * strength * random.uniform(0.88, 1.1)
            moved[field.name] = max(-1.0, min(1.0, value))
        return replace(self.units, **moved)


_ALL = (
    Expression(
        "skeptical",
        ("skeptical", "doubtful", "unconvinced"),
        (
            "raises one eyebrow and pulls a corner of the mouth aside",
            "narrows one eye and lifts the other brow",
            "tilts the head with one raised eyebrow",
        ),
        "attentive",
        ActionUnits(brow_single=1.0, squint=0.45, corner_single=1.0, corner_down=0.25, lip_press=0.4, head_tilt=0.55),
    ),
    Expression(
        "sad",
        ("sad", "unhappy", "downcast"),
        (
            "lowers the eyes, the corners of the mouth turned down",
            "looks down with drawn-up inner brows",
            "lets the corners of the mouth sink",
        ),
        "relieved",
        ActionUnits(brow_inner_up=0.9, lid_down=0.4, gaze_y=0.6, corner_down=0.85, chin_up=0.2, head_down=0.3),
    ),
    Expression(
        "withdrawn",
        ("withdrawn", "distant", "closed off"),
        (
            "turns the head away and looks aside",
            "looks past the therapist with a blank face",
            "turns away with half-closed eyes",
        ),
        "attentive",
        ActionUnits(lid_down=0.3, gaze_x=0.95, gaze_y=0.35, corner_down=0.2, head_turn=1.0, head_down=0.35),
    ),
    Expression(
        "irritated",
        ("irritated", "annoyed", "cross"),
        (
            "frowns hard and wrinkles the nose",
            "draws the brows together and presses the lips",
            "glares with lowered brows",
        ),
        "calm",
        ActionUnits(
            brow_down=1.0, squint=0.3, lid_up=0.25, nose_wrinkle=0.9, corner_down=0.6, lip_press=0.3, flush=0.4
        ),
    ),
    Expression(
        "anxious",
        ("anxious", "worried", "nervous"),
        (
            "stretches the lips over clenched teeth, eyes wide",
            "looks aside with wide eyes and tense lips",
            "draws the brows up and bares the teeth",
        ),
        "calm",
        ActionUnits(
            brow_inner_up=0.8,
            brow_outer_up=0.2,
            lid_up=0.65,
            gaze_x=-0.4,
            lip_stretch=1.0,
            lip_part=0.6,
            corner_down=0.25,
        ),
    ),
    Expression(
        "relieved",
        ("relieved", "lighter", "reassured"),
        (
            "closes the eyes and smiles",
            "breathes out with a smile, eyes closed",
            "lets the eyes fall shut with a soft smile",
        ),
        "anxious",
        ActionUnits(
            brow_inner_up=0.35, brow_outer_up=0.3, lid_down=1.0, cheek_up=0.6, corner_up=0.9, lip_part=0.3, flush=0.25
        ),
    ),
    Expression(
        "attentive",
        ("attentive", "interested", "curious"),
        (
            "tilts the head and looks up with open eyes",
            "lifts both brows a little and looks straight ahead",
            "looks at the therapist with open eyes, lips a little apart",
        ),
        "withdrawn",
        ActionUnits(brow_inner_up=0.5, brow_outer_up=0.6, lid_up=0.4, corner_up=0.2, lip_part=0.55, head_tilt=-0.9),
    ),
    Expression(
        "tired",
        ("tired", "exhausted", "worn out"),
        (
            "can hardly keep the eyes open",
            "looks out of heavy lids with dark rings",
            "lets the lids and the jaw hang",
        ),
        "surprised",
        ActionUnits(
            brow_outer_up=0.25, lid_down=0.62, gaze_y=0.2, jaw_drop=0.25, corner_down=0.25, eye_bags=1.0, head_down=0.15
        ),
    ),
    Expression(
        "tearful",
        ("tearful", "close to tears", "weepy"),
        (
            "has tears on the cheeks",
            "weeps, the chin trembling",
            "presses the lids together while tears run down",
        ),
        "calm",
        ActionUnits(
            brow_inner_up=1.0,
            lid_down=0.2,
            squint=0.5,
            corner_down=1.0,
            lip_part=0.25,
            chin_up=0.7,
            tears=1.0,
            flush=0.9,
        ),
    ),
    Expression(
        "guarded",
        ("guarded", "wary", "cautious"),
        (
            "presses the lips together and watches from the side",
            "turns half away but keeps the eyes on the therapist",
            "watches out of narrow eyes with a thin mouth",
        ),
        "relieved",
        ActionUnits(brow_down=0.3, lid_down=0.22, squint=0.5, gaze_x=-0.9, lip_press=1.0, chin_up=0.25, head_turn=0.6),
    ),
    Expression(
        "surprised",
        ("surprised", "astonished", "taken aback"),
        (
            "opens mouth and eyes wide",
            "raises both brows high, the mouth open",
            "stares with an open mouth",
        ),
        "tired",
        ActionUnits(brow_inner_up=1.0, brow_outer_up=1.0, lid_up=1.0, lip_part=0.7, jaw_drop=0.9),
    ),
    Expression(
        "calm",
        ("calm", "at ease", "peaceful"),
        (
            "looks straight ahead with a slight smile",
            "rests the eyes on the therapist, the face smooth",
            "smiles with closed lips",
        ),
        "irritated",
        ActionUnits(brow_inner_up=0.15, brow_outer_up=0.12, lid_down=0.1, corner_up=0.65, cheek_up=0.25),
    ),
)

EXPRESSIONS: dict[str, Expression] = {expression.name: expression for expression in _ALL}


def expression_of(text: str) -> Expression | None:
    """Returns the expression whose feeling a text names first, or None if it names none.

    Feelings are matched as whole words, ignoring case: `Looks a bit sad` names `sad`, `sadly` names nothing.
    """
    words = f" {''.join(c if c.isalpha() else ' ' for c in text.lower())} "
    words = " ".join(words.split()).join("  ")
    found = [
        (words.find(f" {feeling} "), expression.name)
        for expression in _ALL
        for feeling in expression.feelings
        if f" {feeling} " in words
    ]
    return EXPRESSIONS[min(found)[1]] if found else None
