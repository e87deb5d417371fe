"""What the painter and the relevance filter are asked for. Knows nothing of models.

CLIP reads 75 tokens: what varies comes early, so that the words which are the same everywhere are cut off before it.
"""

import re

_TRIGGER = re.compile(r"\bimg\b", re.IGNORECASE)  # PhotoMaker's mark of the person must not come twice

PERSONS = {"man": "man", "male": "man", "woman": "woman", "female": "woman"}
QUALITY = "portrait photo, head and shoulders, looking at the camera, soft daylight, plain background, sharp"
UNSAFE = "nude, nsfw"
UNWANTED = (
    "second person, cropped face, hands on face, blurry, grainy, bad anatomy, crossed eyes, painting, "
    "cartoon, 3d render, text, watermark"
)


def portrait_prompt(gender: str, expression: str) -> str:
    """The positive prompt: the person with PhotoMaker's trigger word behind, the expression, the kind of picture."""
    person = PERSONS.get(gender.strip().lower(), "person")
    shown = _TRIGGER.sub("image", expression).strip(" ,.")
    return ", ".join(part for part in (f"a {person} img", shown, QUALITY) if part)


def negative_prompt(contrast: str) -> str:
    """What must not show: what is unsafe, the contrasting expression, then the faults of pictures."""
    return ", ".join(part for part in (UNSAFE, contrast.strip(" ,."), UNWANTED) if part)


def relevance_statement(cue: str) -> str:
    """What the relevance filter compares a face with."""
    return f"a facial photo with {cue}"
