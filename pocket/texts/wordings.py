"""The wordings of an expression that the pocket painter and the pocket CLIP are trained on.

They are its cues, its captions and the lexicon's descriptions, also those of other expressions that it stands in for.
"""

from functools import cache
from itertools import chain

from mirror.clients.lexicon import lexicon
from mirror.clients.script import load_script
from pocket.drawing.expressions import EXPRESSIONS

# The drawn expression nearest to each further expression of the lexicon, since only twelve are drawn.
NEAREST = {
    "neutral": "calm", "angry": "irritated", "frustrated": "irritated", "defensive": "guarded",
    "contemptuous": "skeptical", "disgusted": "irritated", "resentful": "irritated", "sullen": "guarded",
    "ashamed": "sad", "guilty": "sad", "embarrassed": "sad", "proud": "calm", "confident": "calm",
    "unsure": "anxious", "confused": "skeptical", "tense": "anxious", "restless": "anxious",
    "overwhelmed": "tearful", "afraid": "anxious", "desperate": "tearful", "hopeless": "sad", "resigned": "tired",
    "disappointed": "sad", "hurt": "tearful", "pained": "tearful", "lonely": "sad", "uncomfortable": "guarded",
    "numb": "withdrawn", "bored": "tired", "indifferent": "withdrawn", "thoughtful": "attentive", "wistful": "sad",
    "happy": "relieved", "amused": "relieved", "hopeful": "attentive", "grateful": "relieved",
    "receptive": "attentive", "determined": "irritated", "strained": "guarded",
}  # fmt: skip
GRADES = ("", "", "", "slightly ", "visibly ", "deeply ", "very ", "a little ")


def nearest(name: str) -> str:
    """Returns the drawn expression nearest to an expression of the lexicon."""
    return NEAREST.get(name, name)


@cache
def cues_of(name: str) -> tuple[str, ...]:
    """Returns the distinct cues of an expression: its own, and those of the scripted client."""
    clients = load_script()["cues"]
    expression = EXPRESSIONS[name]
    looks = [f"looks {feeling}" for feeling in expression.feelings]
    return tuple(dict.fromkeys(chain(expression.cues, clients[name], looks)))


@cache
def statements_of(name: str) -> tuple[str, ...]:
    """Returns the statements of an expression: its cues, captions, and the lexicon's words for it and similar ones."""
    own = [*cues_of(name), *EXPRESSIONS[name].captions]
    like = [other for other in lexicon().entries if nearest(other) == name]
    named = [f"{grade}{form}" for other in like for grade in GRADES[2:] for form in (other, f"{other} look")]
    shown = [lexicon().entries[other].shows for other in like]
    return tuple(dict.fromkeys(chain(own, named, (f"looks {other}" for other in like), shown)))


@cache
def descriptions_of(name: str) -> tuple[tuple[str, str], ...]:
    """Returns pairs of what is shown and its contrast, from the lexicon and from cues of the contrasting expression."""
    contrast = EXPRESSIONS[name].contrast
    read = {text: lexicon().read(text) for text in statements_of(name)}
    clear = [text for text, found in read.items() if len(found) == 1 and nearest(found[0].name) == name]
    described = [(face.shown, face.contrast) for face in map(lexicon().face, clear)]
    bare = [(own, other) for own in cues_of(name) for other in cues_of(contrast)[:3]]
    return tuple(dict.fromkeys(described + bare))
