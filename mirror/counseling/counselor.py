"""The counselor: sees a face, reads the words, never the cue; captions and plans where its variant says so.

One protocol for every arm: who speaks is passed in (`mirror.counseling.speaker`). Knows nothing of painting, files or models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from PIL import Image

from mirror.chat.endpoint import is_worth_another
from mirror.chat.messages import Completion
from mirror.counseling.speaker import Speaker
from mirror.prompts import PromptSet, Utterance, Variant, clean_reply, format_steps, is_known, parse_plan
from mirror.seeds import seed_for
from mirror.transcripts.turn import Conversation

CONTEXT = 16  # utterances of the dialogue that the counselor reads, as published
ATTEMPTS = 2  # an answer that cannot be used is asked for once more, with another seed
PLANNING_MAX_TOKENS = 512
SHORTEST = 80  # characters of the newest utterance that are kept at least where it is cut
CUT = "… "  # stands where the beginning of an utterance was cut off

Dialogue = Sequence[tuple[str, str]]


class CounselorError(RuntimeError):
    """The counselor gave no reply that can be said to a client."""


class TooLong(ValueError):
    """Even with the newest utterance alone a prompt leaves the model no room to answer."""


@dataclass(frozen=True)
class CounselorRequest:
    """What the counselor is to answer: the session so far, the client's words of this turn, and the face."""

    conversation: Conversation
    utterance: Utterance
    face: Image.Image

    @property
    def dialogue(self) -> tuple[tuple[str, str], ...]:
        """(role, words) of what was said, this turn included; a silent client says nothing."""
        spoken = (("client", self.utterance.words),) if self.utterance.words else ()
        return self.conversation.dialogue + spoken

    @property
    def has_spoken(self) -> bool:
        """Whether the client has said anything so far; before that there is nothing to plan on."""
        return any(role == "client" for role, _ in self.dialogue)

    def seed(self, kind: str, attempt: int) -> int:
        conversation = self.conversation
        return seed_for(conversation.seed, "counselor", kind, conversation.profile.idx, conversation.number, attempt)


@dataclass(frozen=True)
class Reply:
    """What the counselor did in one turn.

    Attributes:
        words: what the client hears.
        caption: the face in words; empty without EC.
        technique, plan: of the session; empty without planning, or before there is a plan.
        plan_text: the plan as it stands in the prompts.
        raw: the answers as the model gave them, by kind of prompt.
        cut_off: the kinds of prompt whose answer ran out of tokens, the last attempt's where there were several.
        dropped_utterances: the oldest ones, beyond the context or the model's room.
        cut_characters: cut off the beginning of the newest utterance, which did not fit the model's room.
        prompt_tokens, completion_tokens: of all answers together.
    """

    words: str = ""
    caption: str = ""
    technique: str = ""
    plan: tuple[str, ...] = ()
    plan_text: str = ""
    raw: dict[str, str] = field(default_factory=dict)
    cut_off: tuple[str, ...] = ()
    dropped_utterances: int = 0
    cut_characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def after(self, kind: str, answer: Completion) -> "Reply":
        """With one more answer of the model."""
        others = tuple(one for one in self.cut_off if one != kind)
        return replace(
            self,
            raw=self.raw | {kind: answer.text},
            cut_off=(*others, kind) if answer.finish_reason == "length" else others,
            prompt_tokens=self.prompt_tokens + (answer.prompt_tokens or 0),
            completion_tokens=self.completion_tokens + (answer.completion_tokens or 0),
        )


@dataclass(frozen=True)
class _Question:
    """One kind of prompt: where it is due, which fields it has, and what becomes of an answer.

    `take` gets whether the answer is the last that is asked for; where it leaves the question due, it is asked again.
    """

    kind: str
    is_due: Callable[[CounselorRequest, Reply], bool]
    fields: Callable[[CounselorRequest, Reply, Dialogue], dict[str, str]]
    take: Callable[[Reply, Completion, bool], Reply | Exception]
    is_needed: bool = True  # a turn cannot go on without its answer
    max_tokens: int | None = None  # None: the speaker's own


class Counselor:
    """A speaker with its prompts and its variant."""

    def __init__(
        self,
        speaker: Speaker,
        prompts: PromptSet,
        variant: Variant,
        context: int = CONTEXT,
        planning_max_tokens: int = PLANNING_MAX_TOKENS,
        prompts_from: str = "project",
        untrained: Mapping[str, Speaker] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            context: the last utterances that it reads.
            planning_max_tokens: of a plan, which is longer than a reply.
            prompts_from: `checkpoint`, `project` or the file that the prompts come from: for the record.
            untrained: who answers the kinds of prompt that no training record of the speaker asked; a model that was
                tuned on replies alone answers whatever it is asked with a reply.
        """
        self.speaker, self.prompts, self.variant, self.context = speaker, prompts, variant, context
        self.planning_max_tokens, self.prompts_from = planning_max_tokens, prompts_from
        self.untrained = untrained
        caption = _Question("emotion_recognition", lambda _, s: not s.caption, lambda *_: {}, _captioned)
        plan = _Question(
            "planning", _needs_plan, self._known_fields, self._planned, False, max_tokens=planning_max_tokens
        )
        words = _Question("response", lambda _, s: not s.words, self._response_fields, _replied)
        self._questions = [caption] * variant.ec + [plan] * variant.planning + [words]

    def facts(self) -> dict[str, Any]:
        planning = {"planning_max_tokens": self.planning_max_tokens} if self.variant.planning else {}
        return {
            "counselor": self.speaker.facts(),
            "cot": self.variant.name,
            "context": self.context,
            **planning,
            **({"answered_without_adapter": sorted(self.untrained)} if self.untrained else {}),
            "prompts_from": self.prompts_from,
            "prompts_sha256": self.prompts.sha256,
            "prompts": self.prompts.to_json(),
        }

    def with_speakers(self, change: Callable[[Speaker], Speaker]) -> "Counselor":
        """The same counselor, each of its speakers replaced by what `change` makes of it."""
        return Counselor(
            change(self.speaker),
            self.prompts,
            self.variant,
            self.context,
            self.planning_max_tokens,
            self.prompts_from,
            {kind: change(speaker) for kind, speaker in self.untrained.items()},
        )

    def reply(self, requests: Sequence[CounselorRequest]) -> list[Reply | Exception]:
        """A reply a request, in order: caption, then plan (once a session), then the words."""
        states: list[Reply | Exception] = [_begun(request) for request in requests]
        for question in self._questions:
            self._ask(question, requests, states)
        return states

    def _ask(self, question: _Question, requests: Sequence[CounselorRequest], states: list[Reply | Exception]) -> None:
        """Asks wherever it is due, and once more where the answer cannot be used; `states` are brought up to date."""
        prompts: dict[int, str] = {}
        for place, (request, state) in enumerate(zip(requests, states, strict=True)):
            if isinstance(state, Reply) and question.is_due(request, state):
                try:
                    prompts[place], states[place] = self._prompt(question, request, state)
                except TooLong as error:
                    states[place] = error
        for attempt in range(1, ATTEMPTS + 1):
            due = [p for p in prompts if isinstance(states[p], Reply) and question.is_due(requests[p], states[p])]
            if not due:
                return
            answers = self.untrained.get(question.kind, self.speaker).answer(
                [prompts[place] for place in due],
                [requests[place].face for place in due],
                [requests[place].seed(question.kind, attempt) for place in due],
                **({} if question.max_tokens is None else {"max_tokens": question.max_tokens}),
            )
            for place, answer in zip(due, answers, strict=True):
                states[place] = _taken(question, states[place], answer, attempt == ATTEMPTS)

    # What is asked ----------------------------------------------------------------------------------------------------

    def _prompt(self, question: _Question, request: CounselorRequest, state: Reply) -> tuple[str, Reply]:
        """The prompt, with as much of the dialogue as the context and the model's room allow.

        The oldest utterances go first. The newest is never dropped: what does not fit is cut off its beginning, which
        is what lies furthest back.
        """
        dialogue = request.dialogue
        first = max(0, len(dialogue) - self.context)
        for dropped in range(first, max(first + 1, len(dialogue))):
            prompt = self._rendered(question, request, state, dialogue[dropped:])
            if self.speaker.fits(prompt):
                return prompt, replace(state, dropped_utterances=max(state.dropped_utterances, dropped))
        role, words = dialogue[-1] if dialogue else ("client", "")
        fitting, kept = "", 0
        low, high = SHORTEST, len(words) - 1  # characters to keep: the most that fit
        while low <= high:
            middle = (low + high) // 2
            prompt = self._rendered(question, request, state, [(role, _end_of(words, middle))])
            if self.speaker.fits(prompt):
                fitting, kept, low = prompt, len(_end_of(words, middle)) - len(CUT), middle + 1
            else:
                high = middle - 1
        if not fitting:
            raise self._too_long(question, request, state)
        cut = max(state.cut_characters, len(words) - kept)
        return fitting, replace(state, dropped_utterances=len(dialogue) - 1, cut_characters=cut)

    def _rendered(self, question: _Question, request: CounselorRequest, state: Reply, dialogue: Dialogue) -> str:
        return self.prompts.render(question.kind, **question.fields(request, state, dialogue))

    def _too_long(self, question: _Question, request: CounselorRequest, state: Reply) -> TooLong:
        fields = question.fields(request, state, ())
        longest = max(fields, key=lambda name: len(fields[name]), default="")
        advice = f"{longest} has {len(fields[longest]):,} characters; shorten it" if longest else "use a larger model"
        return TooLong(
            f"client {request.conversation.profile.idx}: the {question.kind} prompt leaves the model no room to "
            f"answer, even with the end of the newest utterance alone: {advice}"
        )

    def _known_fields(self, request: CounselorRequest, state: Reply, dialogue: Dialogue) -> dict[str, str]:
        profile = request.conversation.profile
        about = {"personal_information": profile.personal_info, "reason_for_counseling": profile.reason}
        known = {name: text if is_known(text) else "" for name, text in about.items()}
        return known | {"dialogue": self.prompts.forms.dialogue.write(dialogue)}

    def _response_fields(self, request: CounselorRequest, state: Reply, dialogue: Dialogue) -> dict[str, str]:
        fields = self._known_fields(request, state, dialogue)
        if self.variant.ec:
            fields["client_emotional_state"] = state.caption
        if self.variant.planning:
            fields |= {"technique": state.technique, "plan": state.plan_text}
        return fields

    def _planned(self, state: Reply, answer: Completion, is_last: bool) -> Reply:
        """The plan. One that was cut off lacks steps, and would be followed for a whole session: it is none."""
        state = state.after("planning", answer)
        if answer.finish_reason == "length":
            return state
        try:
            plan = parse_plan(answer.text)
        except ValueError:
            return state
        text = self.prompts.forms.plan_text(plan)
        return replace(state, technique=plan.technique, plan=plan.steps, plan_text=text)


def _begun(request: CounselorRequest) -> Reply:
    """A reply that keeps the session's plan, if it has one."""
    planned = next((turn for turn in reversed(request.conversation.turns) if turn.plan), None)
    if not planned:
        return Reply()
    return Reply(
        technique=planned.technique, plan=planned.plan, plan_text=planned.plan_text or format_steps(planned.plan)
    )


def _needs_plan(request: CounselorRequest, state: Reply) -> bool:
    return request.has_spoken and not state.plan


def _end_of(words: str, characters: int) -> str:
    """The last characters of an utterance, from the beginning of a word where one is near, with a mark of the cut."""
    end = words[-characters:]
    blank = end[: SHORTEST // 2].find(" ")
    return CUT + end[blank + 1 :].lstrip()


def _taken(question: _Question, state: Reply, answer: Completion | Exception, is_last: bool) -> Reply | Exception:
    """The state after an answer, or after an error in its place."""
    if not isinstance(answer, Exception):
        return question.take(state, answer, is_last)
    if not is_worth_another(answer):
        return answer
    if is_last and question.is_needed:
        return answer
    return replace(state, raw=state.raw | {question.kind: ""})


def _captioned(state: Reply, answer: Completion, is_last: bool) -> Reply | Exception:
    """The caption. One that was cut off is asked for again, and used if the next is cut off too: it lasts one turn."""
    caption = " ".join(answer.text.split())
    state = state.after("emotion_recognition", answer)
    if not caption and is_last:
        return CounselorError("the counselor gave an empty caption of the face twice")
    return state if answer.finish_reason == "length" and not is_last else replace(state, caption=caption)


def _replied(state: Reply, answer: Completion, is_last: bool) -> Reply | Exception:
    words = clean_reply(answer.text)
    if not words and is_last:
        return CounselorError(f"the counselor gave an empty reply twice, at last {answer.text[:200]!r}")
    return replace(state.after("response", answer), words=words)
