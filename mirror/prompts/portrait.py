"""The prompts of the painter and the statement of the relevance filter.

CLIP reads 75 tokens: the variable parts come first, so that truncation removes constant words before them.
"""

import re

_TRIGGER = re.compile(r"\bimg\b", re.IGNORECASE)  # PhotoMaker's trigger word must occur once only

PERSONS = {"man": "man", "male": "man", "woman": "woman", "female": "woman"}
QUALITY = "portrait photo, head and shoulders, looking at the camera, soft daylight, plain background, sharp"
UNSAFE = "nude, nsfw"
UNWANTED = (
    "second person, cropped face, hands on face, blurry, grainy, bad anatomy, crossed eyes, painting, "
    "cartoon, 3d render, text, watermark"
)


def portrait_prompt(gender: str, expression: str) -> str:
    """Render the positive prompt: the person followed by PhotoMaker's trigger word, the expression, the picture style.

    Args:
        gender: in any words; unknown ones become `person`.
        expression: visible features, separated by commas.
    """
    person = PERSONS.get(gender.strip().lower(), "person")
    shown = _TRIGGER.sub("image", expression).strip(" ,.")
    return ", ".join(part for part in (f"a {person} img", shown, QUALITY) if part)


def negative_prompt(contrast: str, also: str = "") -> str:
    """Render the negative prompt: unsafe content, the contrasting expression, then image defects.

    Args:
        contrast: features that must not show, separated by commas; may be empty.
        also: further defects, separated by commas.
    """
    parts = (UNSAFE, contrast.strip(" ,."), UNWANTED, also.strip(" ,."))
    return ", ".join(part for part in parts if part)


def relevance_statement(cue: str) -> str:
    """Render the statement that the relevance filter compares a face with."""
    return f"a facial photo with {cue}"
