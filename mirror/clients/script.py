"""What a scripted client shows and says: lines from `script.yaml`, filled with what the profile tells.

Every choice follows from a seed and from what has been said. Knows nothing of models or of how a mood moves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from mirror.clients.lexicon import lexicon
from mirror.clients.openness import Mood
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Turn

DATA = Path(__file__).with_suffix(".yaml")
LONGEST_TEXT = 4000  # characters of a profile's field that are read
LONGEST = (24, 200)  # words and characters of a sentence that a client repeats from the profile
SHORTEST = 6  # words that must remain where a sentence is cut at a clause

_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Ww]e|[Oo]ur)\b")
_MARKS = re.compile(r"[\[\](){}<>\"“”„«»*_`\\#|]|(?<!\w)['‘’]|['‘’](?!\w)")
_LABEL = re.compile(r"(client|therapist|counsell?or)\s*:", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\s*\n\s*|;\s+")
_BULLET = re.compile(r"^\W*(?:\d+[.)]\s*)?")
_DOUBLE_STOP = re.compile(r"([!?…])[.!?]+")
_SLOT = re.compile(r"\{(\w+)\}")

_MINE = re.compile(r"\bmy ((?:[a-z'’-]+ ){0,3}[a-z'’-]+)", re.IGNORECASE)
_ADJECTIVE = re.compile(
    r"(?:\w+(?:al|ic|ive|ous|ful|less)|own|best|old|older|oldest|young\w*|little|big|new|last|first|whole|late|ex|long|"
    r"good|bad|poor|current|former|only|other|elderly|close|dear|low|high|daily|two|three|recent|future)"
)
_NO_NOUN = frozenset("and or but is was are were be to for of in on at with that not own very so too more most".split())


@dataclass(frozen=True)
class Story:
    """What a profile gives to speak of: sentences without their full stop.

    Attributes:
        reason: why the client came, in the first person.
        noted: the same where it is written of the client, and not by them.
        thought: the distorted thought.
        topic: a noun phrase with `my`, or `this`.
    """

    reason: tuple[str, ...]
    noted: tuple[str, ...]
    thought: tuple[str, ...]
    topic: str

    @classmethod
    def of(cls, profile: Profile) -> "Story":
        told = sentences(profile.reason)
        own = tuple(sentence for sentence in told if _FIRST_PERSON.search(sentence))
        thought = sentences(profile.distorted_thought)
        topic = next(filter(None, map(_topic, (*told, *thought))), "this")
        return cls(own, () if own else told, thought, topic)


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a profile's field, each fit to be spoken: without marks that would pass for a cue or a label."""
    found = []
    for part in _SENTENCE_END.split(text[:LONGEST_TEXT]):
        part = _LABEL.sub(r"\1,", " ".join(_MARKS.sub(" ", part).split()))
        part = _shortened(_BULLET.sub("", part).rstrip(" .,;:–—-"))
        if any(c.isalpha() for c in part):
            found.append(part)
    return tuple(dict.fromkeys(found))


def _shortened(sentence: str) -> str:
    """The sentence up to its last clause that fits."""
    most, longest = LONGEST
    words = sentence.split(" ")
    if len(words) <= most and len(sentence) <= longest:
        return sentence
    kept = " ".join(words[:most])[:longest]
    clause = max(kept.rfind(mark) for mark in (", ", ": ", " – "))
    if len(kept[: max(clause, 0)].split()) >= SHORTEST:
        return kept[:clause].rstrip(" ,:")
    return kept.rstrip(" ,:.") + "…"


def _topic(sentence: str) -> str:
    """The first thing or person in the sentence that the client calls `my …`; empty where there is none."""
    for match in _MINE.finditer(sentence):
        words = match[1].lower().split()
        number = 0
        while number < len(words) and _ADJECTIVE.fullmatch(words[number]):
            number += 1
        noun = words[number] if number < len(words) else ""
        if noun and noun not in _NO_NOUN:
            return " ".join(["my", *words[: number + 1]])
    return ""


@dataclass(frozen=True)
class Speaker:
    """A client at one moment of one session: who it is, what has been said, and the seed of this turn."""

    profile: Profile
    turns: Sequence[Turn]
    seed: int

    def first_cue(self, mood: Mood) -> Utterance:
        """The first utterance: a client that shows its mood, and is silent."""
        return Utterance(self._cue(self._pick("expression", list(self._lines[mood.stage]))), "")

    def line(self, mood: Mood) -> Utterance:
        """What the client says next: a word on the last reply, then of its own story."""
        expression, template = self._next_line(mood)
        said = [self._reaction(mood), template and self._filled(template)]
        return Utterance(self._cue(expression), " ".join(filter(None, said)))

    def thanks(self) -> Utterance:
        """The end of a session that has helped."""
        thanks = grammar()["thanks"]
        cue = self._cue(self._pick("expression", thanks["cues"]))
        return Utterance(cue, self._pick("line", thanks[self.profile.resistance]), ended=True)

    def leaving(self) -> Utterance:
        """The end of a session that has not."""
        leaving = grammar()["leaving"]
        cue = self._pick("cue", leaving["cues"])
        return Utterance(cue, self._pick("line", leaving[self.profile.resistance]), ended=True)

    @property
    def _lines(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return grammar()["lines"][self.profile.resistance]

    @cached_property
    def _story(self) -> Story:
        return Story.of(self.profile)

    def _pick(self, what: str, options: Sequence[Any]) -> Any:
        return options[seed_for(self.seed, what) % len(options)]

    def _cue(self, expression: str) -> str:
        """A cue that this session has not seen, as long as there is one."""
        cues, shown = grammar()["cues"][expression], {turn.cue for turn in self.turns}
        return self._pick("cue", [cue for cue in cues if cue not in shown] or cues)

    def _next_line(self, mood: Mood) -> tuple[str, str]:
        """An expression, and a template that goes with it; an empty one where everything has been said."""
        by_expression = self._lines[mood.stage]
        last = {reading.name for reading in lexicon().read(self.turns[-1].cue)}
        others = [name for name in by_expression if name not in last] or list(by_expression)
        if not any(turn.words for turn in self.turns):
            openings = [t for t in grammar()["openings"][self.profile.resistance] if self._can_say(t)]
            told = [t for t in openings if {"Reason", "noted"} & slots(t)]
            return self._pick("expression", others), self._pick("line", told or openings)
        for groups in ([(name, by_expression[name]) for name in others], by_expression.items(), self._all_groups()):
            sayable = {name: [t for t in templates if self._can_say(t)] for name, templates in groups}
            if not self._has_said_any(self._story.thought):  # the thought is spoken of early
                telling = {name: [t for t in found if "thought" in slots(t)] for name, found in sayable.items()}
                sayable = telling if any(telling.values()) else sayable
            if names := [name for name, found in sayable.items() if found]:
                name = self._pick("expression", names)
                return name, self._pick("line", sayable[name])
        return self._pick("expression", others), ""

    def _all_groups(self) -> Iterator[tuple[str, Sequence[str]]]:
        return (group for by_expression in self._lines.values() for group in by_expression.items())

    def _reaction(self, mood: Mood) -> str:
        """A word on the counselor's last reply; two times in three, and never a reproach once the client is open."""
        if not mood.reaction or seed_for(self.seed, "reacts") % 3 == 0:
            return ""
        kind = mood.reaction.kind
        if mood.stage == "open" and kind not in ("named", "reflected"):
            return ""
        templates = grammar()["reactions"][kind]
        templates = templates.get("all") or templates[self.profile.resistance]
        fresh = [template for template in templates if self._can_say(template)]
        feeling = mood.reaction.feeling
        return self._pick("reaction", fresh).format(feeling=feeling, Feeling=feeling.capitalize()) if fresh else ""

    def _can_say(self, template: str) -> bool:
        """Whether the template has not been used in this session, and the profile has what it speaks of."""
        fixed = [part.strip(" .!?:") for part in _SLOT.sub("\0", template).split("\0")]
        used = any(all(part in turn.words for part in fixed) for turn in self.turns)
        return not used and all(self._fragment(name) for name in slots(template) - {"feeling", "Feeling"})

    def _fragment(self, slot: str) -> str:
        """What goes into a slot, empty if nothing does: of the reason each sentence once, the thought now and then."""
        story = self._story
        if slot == "topic":
            return story.topic
        if slot != "thought":
            told = story.reason if slot == "Reason" else story.noted
            sentence = next((sentence for sentence in told if not self._has_said_any([sentence])), "")
            return sentence[:1].upper() + sentence[1:] if slot == "Reason" else sentence
        new = [thought for thought in story.thought if not self._has_said_any([thought])]
        old = [thought for thought in story.thought if not self._has_said_any([thought], self.turns[-2:])]
        return new[0] if new else self._pick("thought", old) if old else ""

    def _has_said_any(self, fragments: Sequence[str], turns: Sequence[Turn] | None = None) -> bool:
        said = [turn.words.lower() for turn in (self.turns if turns is None else turns)]
        return any(fragment.lower() in words for fragment in fragments for words in said)

    def _filled(self, template: str) -> str:
        text = template.format(**{name: self._fragment(name) for name in slots(template)})
        return _DOUBLE_STOP.sub(r"\1", text)


def slots(template: str) -> set[str]:
    return set(_SLOT.findall(template))


@cache
def grammar() -> dict[str, Any]:
    """The grammar of `script.yaml`."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))
