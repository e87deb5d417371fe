"""Filters of screenplays: turns, repetition, parts of speech, sentences copied from the profile, safety.

Screenplays with the same texts get the same verdict, whatever else is filtered with them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays.parts_of_speech import Tagger
from mirror.building.screenplays.repetition import copied_sentence, longest_run, profile_sentences, share_of_unique
from mirror.building.screenplays.screenplay import Screenplay, Speaker
from mirror.files.digests import content_digest
from mirror.files.json_lines import append_line, read_lines
from mirror.progress_bar import progress_bar
from mirror.risk.flag import RiskReader

SHORT = 5  # words: in shorter lines repetition is speech ("No, no, no."), and the share of unique words is not judged
TOGETHER = 16  # dialogues whose lines are read for risk at once
Reason = Literal[
    "too_few_turns",
    "too_many_turns",
    "repeated_words",
    "equal_parts_of_speech",
    "copied_profile",
    "unsafe_client",
    "unsafe_therapist",
]
UNSAFE: dict[Speaker, Reason] = {"client": "unsafe_client", "therapist": "unsafe_therapist"}


@dataclass(frozen=True)
class TextRules:
    """The limits of the filters; the defaults are the published numbers.

    Attributes:
        min_turns: the fewest replies of the therapist to the client, ≥ 1.
        max_turns: the most.
        unique_words: the smallest share of different words in a line of at least `SHORT` words, 0…1; 0 for any.
        equal_parts_of_speech: the most words in a row with the same part of speech; 0 for any number.
        copied_words: how many words a sentence that also stands in the profile must have to be a copied one; 0 allows
            all.
    """

    min_turns: int = 4
    max_turns: int = 20
    unique_words: float = 0.5
    equal_parts_of_speech: int = 3
    copied_words: int = 6


class TextFault(BaseModel):
    """What is wrong with one line; `line` is None for a fault of the whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int | None
    reason: Reason
    detail: str


class VerdictRecord(BaseModel):
    """The faults of one dialogue, and the digest of everything that they depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idx: str
    content: str
    faults: tuple[TextFault, ...]


def filter_texts(
    screenplays: Sequence[Screenplay],
    rules: TextRules,
    tagger: Tagger | None,
    risk: RiskReader | None,
    journal: Path | None = None,
) -> Sifted[Screenplay]:
    """Keep the screenplays without a fault.

    Args:
        screenplays: with their lines.
        rules: the limits.
        tagger: of parts of speech; None for no such filter.
        risk: reads the directions and words of both speakers; None for no such filter.
        journal: the file that verdicts are appended to, each when it is known; those of an earlier call with the same
            texts, rules and models are taken from it.

    Returns:
        What is kept, in order; one `Dropped` per dialogue and reason, with the first line at fault and the number of
        lines.
    """
    known = {(one.idx, one.content): one for one in read_lines(journal, VerdictRecord)} if journal else {}
    kept: list[Screenplay] = []
    dropped: list[Dropped] = []
    with progress_bar("texts", "dialogues", len(screenplays)) as bar:
        for start in range(0, len(screenplays), TOGETHER):
            some = screenplays[start : start + TOGETHER]
            contents = [_content(one, rules, tagger, risk) for one in some]
            found = [known.get((one.idx, content)) for one, content in zip(some, contents, strict=True)]
            new = [one for one, verdict in zip(some, found, strict=True) if verdict is None]
            risks = iter(_risks(new, risk))
            for screenplay, content, verdict in zip(some, contents, found, strict=True):
                if verdict is None:
                    faults = (*find_faults(screenplay, rules, tagger), *next(risks))
                    verdict = VerdictRecord(idx=screenplay.idx, content=content, faults=faults)
                    if journal:
                        append_line(journal, verdict)
                dropped += _by_reason(verdict)
                if not verdict.faults:
                    kept.append(screenplay)
                bar.update()
    return Sifted(tuple(kept), tuple(dropped))


def find_faults(screenplay: Screenplay, rules: TextRules, tagger: Tagger | None) -> Iterator[TextFault]:
    """Yield the faults of one dialogue other than risks: at most one per reason and line."""
    turns = len(screenplay.therapist_lines)
    if turns < rules.min_turns:
        yield TextFault(line=None, reason="too_few_turns", detail=f"{turns} turns, fewer than {rules.min_turns}")
    if turns > rules.max_turns:
        yield TextFault(line=None, reason="too_many_turns", detail=f"{turns} turns, more than {rules.max_turns}")
    info = screenplay.info
    profile = profile_sentences((info.personal_info, info.reason), info.distorted_thought, rules.copied_words)
    for place, line in enumerate(screenplay.lines):
        share, words = share_of_unique(line.words)
        if words >= SHORT and share < rules.unique_words:
            detail = (
                f"{share:.0%} of {words} words are different, fewer than {rules.unique_words:.0%}: {line.words!r:.80}"
            )
            yield TextFault(line=place, reason="repeated_words", detail=detail)
        if tagger and rules.equal_parts_of_speech:
            run = longest_run(line.words, tagger, rules.equal_parts_of_speech)
            if run:
                detail = f"{len(run.words)} words in a row are {run.tag}: {' '.join(run.words)!r:.80}"
                yield TextFault(line=place, reason="equal_parts_of_speech", detail=detail)
        if copied := copied_sentence(line.words, profile, rules.copied_words):
            yield TextFault(line=place, reason="copied_profile", detail=f"stands in the profile too: {copied!r:.100}")


def _risks(screenplays: Sequence[Screenplay], risk: RiskReader | None) -> list[list[TextFault]]:
    """The lines that are flagged, for each screenplay. All are read together, which fills a classifier's batches."""
    if risk is None:
        return [[] for _ in screenplays]
    lines = [(number, place, line) for number, one in enumerate(screenplays) for place, line in enumerate(one.lines)]
    texts = [f"{line.direction}. {line.words}" if line.direction else line.words for _, _, line in lines]
    found: list[list[TextFault]] = [[] for _ in screenplays]
    for (number, place, line), flags in zip(lines, risk.read(texts), strict=True):
        if flags:
            detail = "; ".join(f"{flag.kind}: {flag.words!r:.60}" for flag in flags[:3])
            found[number].append(TextFault(line=place, reason=UNSAFE[line.speaker], detail=detail))
    return found


def _content(screenplay: Screenplay, rules: TextRules, tagger: Tagger | None, risk: RiskReader | None) -> str:
    """The digest of everything that a verdict depends on."""
    info = screenplay.info
    return content_digest(
        {
            "lines": [asdict(line) for line in screenplay.lines],
            "profile": [info.personal_info, info.reason, info.distorted_thought],
            "rules": asdict(rules),
            "tagger": tagger.name if tagger else "",
            "risk": risk.name if risk else "",
        }
    )


def _by_reason(verdict: VerdictRecord) -> Iterator[Dropped]:
    for reason in dict.fromkeys(fault.reason for fault in verdict.faults):
        found = [fault for fault in verdict.faults if fault.reason == reason]
        more = f" (in {len(found)} lines)" if len(found) > 1 else ""
        yield Dropped("text", verdict.idx, found[0].line, reason, f"{found[0].detail}{more}")
