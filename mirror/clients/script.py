"""Composes a scripted client's utterances from the templates in `script.yaml` and the client's profile.

Every choice is determined by a seed and by the session so far.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypedDict, TypeVar

import yaml

from mirror.clients.lexicon import lexicon
from mirror.clients.openness import Openness
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Turn

DATA = Path(__file__).with_suffix(".yaml")
RETURNING = DATA.with_name("returning.yaml")  # what a client says first that comes back, by resistance
Option = TypeVar("Option")
LONGEST_TEXT = 4000  # characters of a profile's field that are read
LONGEST = (24, 200)  # words and characters of a sentence that a client repeats from the profile
SHORTEST = 6  # words that must remain of a sentence that is cut at a clause

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


class Script(TypedDict):
    """The contents of `script.yaml`; its header explains them.

    `cues` are by expression, `openings` by resistance, `lines` by resistance, stage and expression, `reactions` by kind
    and then `all` or resistance; `thanks` and `leaving` have `cues` and lines by resistance.
    """

    cues: dict[str, list[str]]
    openings: dict[str, list[str]]
    lines: dict[str, dict[str, dict[str, list[str]]]]
    reactions: dict[str, dict[str, list[str]]]
    thanks: dict[str, list[str]]
    leaving: dict[str, list[str]]


@cache
def load_script() -> Script:
    """Reads `script.yaml`, once."""
    script: Script = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return script


@cache
def load_returning() -> Mapping[str, Sequence[str]]:
    """Reads `returning.yaml`, once."""
    openings: Mapping[str, Sequence[str]] = yaml.safe_load(RETURNING.read_text(encoding="utf-8"))
    return openings


@dataclass(frozen=True)
class Story:
    """The parts of a profile that the client speaks of, as sentences without their full stop.

    Attributes:
        reason: Why the client came, in the first person.
        noted: Why the client came, if it is written in the third person.
        thought: The distorted thought.
        topic: A noun phrase with `my`, or `this`.
    """

    reason: tuple[str, ...]
    noted: tuple[str, ...]
    thought: tuple[str, ...]
    topic: str

    @classmethod
    def of(cls, profile: Profile) -> "Story":
        """Extracts the story from a profile."""
        reason = sentences(profile.reason)
        own = tuple(sentence for sentence in reason if _FIRST_PERSON.search(sentence))
        thought = sentences(profile.distorted_thought)
        topic = next(filter(None, map(_topic, (*reason, *thought))), "this")
        return cls(own, () if own else reason, thought, topic)


def sentences(text: str) -> tuple[str, ...]:
    """Splits a profile's field into sentences, without characters that would be parsed as a cue or a speaker label."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text[:LONGEST_TEXT]):
        part = _LABEL.sub(r"\1,", " ".join(_MARKS.sub(" ", part).split()))
        part = _shortened(_BULLET.sub("", part).rstrip(" .,;:–—-"))
        if any(c.isalpha() for c in part):
            found.append(part)
    return tuple(dict.fromkeys(found))


def _shortened(sentence: str) -> str:
    """Cuts a sentence at the end of its last clause that fits."""
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
    """Returns the first noun phrase in the sentence that begins with `my`; empty if there is none."""
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
class UtteranceComposer:
    """Composes the next utterance of a client.

    Attributes:
        profile: The client.
        turns: The session so far.
        seed: The seed of this turn.
        earlier: The turns of earlier sessions that the client remembers.
    """

    profile: Profile
    turns: Sequence[Turn]
    seed: int
    earlier: Sequence[Turn] = ()

    def first_cue(self, openness: Openness) -> Utterance:
        """Returns the first utterance: a cue that shows the client's openness, without words."""
        return Utterance(self._cue(self._pick("expression", list(self._lines[openness.stage]))), "")

    def line(self, openness: Openness) -> Utterance:
        """Returns an utterance in the middle of a session: a reaction to the last reply, then part of the story."""
        expression, template = self._next_line(openness)
        words = [self._reaction(openness), template and self._filled(template)]
        return Utterance(self._cue(expression), " ".join(filter(None, words)))

    def thanks(self) -> Utterance:
        """Returns the last utterance of a session that helped."""
        thanks = load_script()["thanks"]
        cue = self._cue(self._pick("expression", thanks["cues"]))
        return Utterance(cue, self._pick("line", thanks[self.profile.known_resistance]), ended=True)

    def leaving(self) -> Utterance:
        """Returns the last utterance of a session that did not help."""
        leaving = load_script()["leaving"]
        cue = self._pick("cue", leaving["cues"])
        return Utterance(cue, self._pick("line", leaving[self.profile.known_resistance]), ended=True)

    @property
    def _lines(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return load_script()["lines"][self.profile.known_resistance]

    @cached_property
    def _story(self) -> Story:
        return Story.of(self.profile)

    def _pick(self, what: str, options: Sequence[Option]) -> Option:
        return options[seed_for(self.seed, what) % len(options)]

    def _cue(self, expression: str) -> str:
        """Picks a cue that is new in this session, if there is one."""
        cues, shown = load_script()["cues"][expression], {turn.cue for turn in self.turns}
        return self._pick("cue", [cue for cue in cues if cue not in shown] or cues)

    def _next_line(self, openness: Openness) -> tuple[str, str]:
        """Picks an expression and a template that goes with it; an empty template if all have been used."""
        by_expression = self._lines[openness.stage]
        last = {reading.name for reading in lexicon().read(self.turns[-1].cue)}
        others = [name for name in by_expression if name not in last] or list(by_expression)
        if not any(turn.words for turn in self.turns):
            return self._pick("expression", others), self._pick("line", self._openings())
        for groups in ([(name, by_expression[name]) for name in others], by_expression.items(), self._all_groups()):
            sayable = {name: self._new([t for t in templates if self._can_say(t)]) for name, templates in groups}
            if not self._has_said_any(self._story.thought):  # the thought comes early in a session
                with_thought: dict[str, Sequence[str]] = {
                    name: [t for t in found if "thought" in slots(t)] for name, found in sayable.items()
                }
                sayable = with_thought if any(with_thought.values()) else sayable
            if names := [name for name, found in sayable.items() if found]:
                name = self._pick("expression", names)
                return name, self._pick("line", sayable[name])
        return self._pick("expression", others), ""

    def _openings(self) -> Sequence[str]:
        """The first lines of the session: with what was said before, if there is any, or with the reason."""
        returning = load_returning()[self.profile.known_resistance] if self._fragment("said") else ()
        openings = [t for t in load_script()["openings"][self.profile.known_resistance] if self._can_say(t)]
        return self._new(returning) or [t for t in openings if {"Reason", "noted"} & slots(t)] or openings

    def _new(self, templates: Sequence[str]) -> Sequence[str]:
        """The templates of which nothing was said in an earlier session, or all if there is none."""
        return [template for template in templates if not _is_used(template, self.earlier)] or templates

    def _all_groups(self) -> Iterator[tuple[str, Sequence[str]]]:
        return (group for by_expression in self._lines.values() for group in by_expression.items())

    def _reaction(self, openness: Openness) -> str:
        """Reacts to the last reply, in two of three turns; an open client does not reproach the counselor."""
        if not openness.reaction or seed_for(self.seed, "reacts") % 3 == 0:
            return ""
        kind = openness.reaction.kind
        if openness.stage == "open" and kind not in ("named", "reflected"):
            return ""
        by_resistance = load_script()["reactions"][kind]
        templates = by_resistance.get("all") or by_resistance[self.profile.known_resistance]
        fresh = [template for template in templates if self._can_say(template)]
        feeling = openness.reaction.feeling
        return self._pick("reaction", fresh).format(feeling=feeling, Feeling=feeling.capitalize()) if fresh else ""

    def _can_say(self, template: str) -> bool:
        """Returns whether the template is new in this session, and the profile can fill its slots."""
        filled = all(self._fragment(name) for name in slots(template) - {"feeling", "Feeling"})
        return filled and not _is_used(template, self.turns)

    def _fragment(self, slot: str) -> str:
        """Returns the text for a slot, or none: each sentence of the reason once, the thought again after two turns."""
        story = self._story
        if slot == "topic":
            return story.topic
        if slot == "said":
            told = (one for one in (*story.thought, *story.reason) if self._has_said_any([one], self.earlier))
            return next(told, "")
        if slot != "thought":
            reason = story.reason if slot == "Reason" else story.noted
            sentence = next((sentence for sentence in reason if not self._has_said_any([sentence])), "")
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


def _is_used(template: str, turns: Sequence[Turn]) -> bool:
    """Returns whether the client said a line from the template in one of the turns."""
    fixed = [part.strip(" .!?:") for part in _SLOT.sub("\0", template).split("\0")]
    return any(all(part in turn.words for part in fixed) for turn in turns)


def slots(template: str) -> set[str]:
    """Returns the names of the slots in a template."""
    return set(_SLOT.findall(template))
