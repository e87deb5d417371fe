"""Whether a reply fits a pocket client: name, worry and shown face.

A reply fits the client if every name, job and form of address is the client's; the worry if whatever it says of a
worry belongs to the client's; the face if the feelings that it names, and its sentences for one feeling, are of the
expression that the client's cue shows. A reply that says nothing of it fits. Reads the pocket language only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from mirror.transcripts.arm import Person
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.clients import JOBS, NAMES
from pocket.texts.persons import second_person, third_person
from pocket.texts.speech import CARING, NAMING, STAYING, WELCOME
from pocket.texts.techniques import TECHNIQUES
from pocket.texts.worries import QUOTED, WORRIES, Worry

ADDRESSES = {"woman": ("madam", "ma'am", "mrs", "ms", "lady"), "man": ("sir", "mr", "mister", "gentleman")}
# Words of therapists that tell of what shows now, beside the names of feelings.
TELLING = {"tearful": ("tears", "cry", "crying", "weep", "weeping"), "irritated": ("angry", "anger")}
PLEASANT = frozenset(("relieved", "attentive", "calm"))  # a therapist may be glad of these
_SENTENCE = re.compile(r"(?<=[.?!])(?:\"\s+|\s+)")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SLOT = re.compile(r"\{(\w+)\}")
_EVERYONE = frozenset({name for names in NAMES.values() for name in names})
_ALL = frozenset(EXPRESSIONS)
_FEELINGS = [feeling for expression in EXPRESSIONS.values() for feeling in expression.feelings]
_VALUES = {"name": "[A-Z][a-z]+", "feeling": "|".join(_FEELINGS)}  # of slots that are no free text


@dataclass(frozen=True)
class Fit:
    """What does not fit in a reply, by kind: empty if all fits.

    Attributes:
        name: Names, jobs and forms of address that are not the client's.
        worry: Phrases of other clients' worries.
        face: Feelings, or sentences for feelings, that the client does not show.
        feelings: Names of the expressions whose feelings the reply names.
        names_worry: Whether the reply speaks of the client's own worry.
    """

    name: tuple[str, ...] = ()
    worry: tuple[str, ...] = ()
    face: tuple[str, ...] = ()
    feelings: frozenset[str] = frozenset()
    names_worry: bool = False

    @property
    def all(self) -> bool:
        """Whether everything fits."""
        return not (self.name or self.worry or self.face)


@dataclass(frozen=True)
class Client:
    """A client as the record of a session tells of them, and the worry that their reason for counseling stands for."""

    name: str
    job: str
    gender: str
    worry: Worry

    @classmethod
    def of(cls, person: Person) -> "Client":
        """Reads a record.

        Raises:
            ValueError: The client has no reason of the pocket clients.
        """
        worry = next((worry for worry in WORRIES if worry.reason == person.reason), None)
        if worry is None:
            raise ValueError(
                f"client {person.idx} is no pocket client: no worry in pocket/texts/worries.py has the reason "
                f"{person.reason!r}; only runs with the clients of pocket/data can be checked"
            )
        name = person.name or person.personal_info.partition(",")[0]
        job = next((job for job in JOBS if re.search(rf"\b{job}\b", person.personal_info)), "")
        gender = next((gender for gender, names in NAMES.items() if name in names), "")
        return cls(name, job, gender, worry)


@dataclass(frozen=True)
class Form:
    """A sentence of the pocket therapists: its pattern, and the expressions that it goes with."""

    pattern: re.Pattern[str]
    expressions: frozenset[str]


@dataclass
class _Faults:
    """What was found in one sentence; `own` is whether it speaks of the client's own worry."""

    name: list[str] = field(default_factory=list)
    worry: list[str] = field(default_factory=list)
    face: list[str] = field(default_factory=list)
    own: bool = False

    def __len__(self) -> int:
        return len(self.name) + len(self.worry) + len(self.face)


@cache
def forms() -> tuple[Form, ...]:
    """All sentences that pocket therapists say, each with the expressions that it goes with."""
    tied: dict[str, set[str]] = {}
    for said in (NAMING, CARING):
        for expression, texts in said.items():
            for sentence in _sentences_of(texts):
                tied.setdefault(sentence, set()).add(expression)
    for sentence, expressions in tied.items():
        if "{feeling}" in sentence and not expressions <= PLEASANT and "with me" not in sentence:
            tied[sentence] = set(_ALL)  # it is the feeling that has to fit
    free = [text for form in WELCOME for text in form.replace("{caring} ", "").split(" {naming} ")]
    free += [sentence for technique in TECHNIQUES.values() for sentences in technique.says for sentence in sentences]
    for sentence in _sentences_of([*free, *(sentence for said in STAYING.values() for sentence in said)]):
        telling = {e for e, words in TELLING.items() if set(words) & set(_WORD.findall(sentence.lower()))}
        tied.setdefault(sentence, telling or set(_ALL))
    return tuple(Form(_pattern(text), frozenset(found)) for text, found in tied.items())


def _sentences_of(texts: Sequence[str]) -> Iterator[str]:
    return (sentence for text in texts for sentence in _SENTENCE.split(text))


def _pattern(form: str) -> re.Pattern[str]:
    parts = _SLOT.split(form)
    seen: set[str] = set()
    pattern = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{_VALUES.get(part, '.+?')})"
            seen.add(part)
    return re.compile(pattern)


@cache
def phrases(worry: Worry) -> dict[str, tuple[str, ...]]:
    """What a therapist or a plan may say of a worry, by slot, in lower case."""
    texts = {slot: (value,) if isinstance(value, str) else value for slot, value in vars(worry).items()}
    del texts["techniques"]
    texts["cause"] = texts.pop("causes")
    return {
        slot: tuple(
            turned(value).lower()
            for value in values
            for turned in ((str,) if slot in QUOTED else (str, second_person, third_person))
        )
        for slot, values in texts.items()
    }


@cache
def words_of_worries() -> dict[str, frozenset[str]]:
    """The reasons of all worries that a word occurs in, for words that tell worries apart."""
    found: dict[str, set[str]] = {}
    for worry in WORRIES:
        for text in (phrase for values in phrases(worry).values() for phrase in values):
            for word in _WORD.findall(text):
                found.setdefault(word, set()).add(worry.reason)
    plans = [step for technique in TECHNIQUES.values() for step in technique.steps]
    sentences = [form.pattern.pattern.replace("\\", "") for form in forms()]
    spoken = {word for text in (*plans, *sentences) for word in _WORD.findall(text.lower())}
    return {w: frozenset(owners) for w, owners in found.items() if len(owners) < 4 and w not in spoken and len(w) > 2}


def check_reply(reply: str, client: Client, shown: str | None) -> Fit:
    """Checks one reply.

    Args:
        reply: The counselor's words.
        client: Who was answered.
        shown: Name of the expression that the client showed; None if unknown, which every face fits.
    """
    found = [_check_sentence(sentence, client, shown) for sentence in _SENTENCE.split(reply)]
    return Fit(
        name=tuple(fault for faults in found for fault in faults.name),
        worry=tuple(fault for faults in found for fault in faults.worry),
        face=tuple(fault for faults in found for fault in faults.face),
        feelings=frozenset(_feelings(_without_worries(reply))),
        names_worry=any(faults.own for faults in found),
    )


def check_plan(plan: Sequence[str], client: Client) -> tuple[str, ...]:
    """Returns the phrases of other clients' worries in a plan."""
    return tuple(fault for step in plan for fault in _foreign_words(step, client))


def _check_sentence(sentence: str, client: Client, shown: str | None) -> _Faults:
    """The faults by the form of the sentence that leaves fewest, or word by word if it has no form."""
    sentence = sentence.strip()
    matches = [(form, match) for form in forms() if (match := form.pattern.fullmatch(sentence))]
    matches += [
        (form, match)
        for form in forms()
        if not sentence.endswith('"') and (match := form.pattern.fullmatch(sentence + '"'))
    ]
    checked = [_check_form(form, match, client, shown) for form, match in matches]
    found = min(checked, key=len) if checked else _check_words(sentence, client, shown)
    found.name += _not_the_clients(sentence, client)
    return found


def _check_form(form: Form, match: re.Match[str], client: Client, shown: str | None) -> _Faults:
    faults = _Faults()
    for slot, value in match.groupdict().items():
        if slot == "name":
            faults.name += [value] * (value != client.name)
        elif slot == "feeling":
            names = _feelings(value) or {value}
            faults.face += [value] * (shown is not None and names != {shown})
        elif value.lower() in phrases(client.worry)[slot]:
            faults.own = True
        else:
            faults.worry.append(value)
    if shown is not None and shown not in form.expressions and not faults.face:
        faults.face.append(match[0])
    return faults


def _check_words(sentence: str, client: Client, shown: str | None) -> _Faults:
    names = [name for name in re.findall(r"[A-Z][a-z]+", sentence) if name in _EVERYONE and name != client.name]
    plain = _without_worries(sentence)
    feelings = _feelings(plain) | {e for e, words in TELLING.items() if set(words) & set(_WORD.findall(plain.lower()))}
    faces = sorted(feelings - {shown}) if shown is not None else []
    own = any(client.worry.reason in words_of_worries()[word] for word in _words_of_a_worry(sentence))
    return _Faults(names, list(_foreign_words(sentence, client)), faces, own)


def _feelings(text: str) -> set[str]:
    words = " ".join(re.findall(r"[a-z]+", text.lower()))
    return {
        name
        for name, expression in EXPRESSIONS.items()
        if any(re.search(rf"\b{feeling}\b", words) for feeling in expression.feelings)
    }


def _without_worries(text: str) -> str:
    """The text without what worries say: `I must always feel calm` names no feeling that shows."""
    text = text.lower()
    for worry in WORRIES:
        for phrase in (phrase for values in phrases(worry).values() for phrase in values):
            text = text.replace(phrase, "")
    return text


def _words_of_a_worry(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word in words_of_worries()]


def _foreign_words(text: str, client: Client) -> tuple[str, ...]:
    """Words that only other clients' worries contain, and whole phrases of them."""
    lower = text.lower()
    own = [phrase for values in phrases(client.worry).values() for phrase in values]
    for phrase in sorted(own, key=len, reverse=True):
        lower = lower.replace(phrase, "")
    words = [w for w in _words_of_a_worry(lower) if client.worry.reason not in words_of_worries()[w]]
    whole = [p for worry in WORRIES for values in phrases(worry).values() for p in values if f" {p}" in f" {lower}"]
    return tuple(dict.fromkeys([*whole, *words]))


def _not_the_clients(sentence: str, client: Client) -> list[str]:
    """Jobs and forms of address that are not the client's, unless their worry speaks of them."""
    words = _WORD.findall(sentence.lower())
    own = {w for values in phrases(client.worry).values() for phrase in values for w in _WORD.findall(phrase)}
    jobs = [job for job in JOBS if job in words and job != client.job and job not in own]
    jobs = [job for job in jobs if job not in words_of_worries()]  # another worry's, which is a fault of its own
    return jobs + [
        word for gender, forms_of in ADDRESSES.items() if gender != client.gender for word in forms_of if word in words
    ]
