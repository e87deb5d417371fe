"""The counselor: sees the client's face and reads the words, never the cue.

Depending on the variant it first puts the face into words (a caption) and plans the session. The model that answers is
passed in as a `mirror.counseling.speaker.CounselorModel`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from mirror.chat.chat_error import is_worth_another
from mirror.chat.messages import Completion
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid
from mirror.counseling.dialogue_window import Dialogue, Memory, fit_memory
from mirror.counseling.reply import CounselorError, CounselorRequest, Reply, TooLong
from mirror.counseling.speaker import CounselorModel
from mirror.models.llava_chat import IMAGE
from mirror.prompts import Plan, PromptSet, Variant, clean_reply, format_steps, is_known, parse_plan

CONTEXT = 16  # utterances of the dialogue that the counselor reads, as published
ATTEMPTS = 2  # an answer that cannot be used is asked for once more, with another seed
PLANNING_MAX_TOKENS = 512
SESSION = "(Session {})"  # before what was said in it, where there were several
WRITTEN_OUT = "(image)"  # in place of the face's placeholder where somebody said it: a prompt shows one face

CAPTION, PLAN, RESPONSE = "emotion_recognition", "planning", "response"  # kinds of prompt

Value = TypeVar("Value")


@dataclass
class _Draft:
    """A reply in the making: its state, or why it failed."""

    request: CounselorRequest
    reply: Reply
    failure: Exception | None = None


class Counselor:
    """A speaker with its prompts and its variant."""

    def __init__(
        self,
        speaker: CounselorModel,
        prompts: PromptSet,
        variant: Variant,
        context: int = CONTEXT,
        planning_max_tokens: int = PLANNING_MAX_TOKENS,
        prompts_from: str = "project",
        untrained: Mapping[str, CounselorModel] = MappingProxyType({}),
    ) -> None:
        """Makes a counselor.

        Args:
            speaker: the model that answers.
            prompts: the templates of its prompts.
            variant: whether it captions the face and whether it plans.
            context: the number of utterances that it reads, from the end of the dialogue.
            planning_max_tokens: tokens of a plan at most; a plan is longer than a reply.
            prompts_from: `checkpoint`, `project` or the file that the prompts come from, for the record.
            untrained: who answers a kind of prompt that the speaker was not trained on. A model that was tuned on
                replies alone answers every prompt with a reply.
        """
        self.speaker, self.prompts, self.variant, self.context = speaker, prompts, variant, context
        self.planning_max_tokens, self.prompts_from = planning_max_tokens, prompts_from
        self.untrained = untrained

    def facts(self) -> dict[str, Any]:
        """The speaker, the variant and the prompts, for the record of a run."""
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

    def warm_up(self, sessions: int) -> None:
        """Compile what replies in up to so many sessions at a time will need."""
        for speaker in (self.speaker, *self.untrained.values()):
            speaker.warm_up(sessions)

    def reply(self, requests: Sequence[CounselorRequest]) -> list[Reply | Exception]:
        """One reply per request, in order; an exception in place of one that failed."""
        drafts = [_Draft(request, self._begun(request)) for request in requests]
        if self.variant.ec:
            self._caption(drafts)
        if self.variant.planning:
            self._plan(drafts)
        self._respond(drafts)
        return [draft.failure or draft.reply for draft in drafts]

    def _caption(self, drafts: Sequence[_Draft]) -> None:
        """Puts each face into words, unless the counselor reads them.

        A caption that ran out of tokens is asked for again. If the next one does too, it is used: it serves one turn.
        """
        due = [draft for draft in drafts if not draft.reply.caption]
        for draft, outcome in self._ask(CAPTION, due, lambda _: {}, _parse_caption, with_dialogue=False):
            if isinstance(outcome, Accepted):
                draft.reply = replace(draft.reply, caption=outcome.value)
            elif isinstance(outcome.last, Exception):
                draft.failure = outcome.last
            elif caption := _one_line(outcome.last.text):
                draft.reply = replace(draft.reply, caption=caption)
            else:
                draft.failure = CounselorError("the counselor gave an empty caption of the face twice")

    def _plan(self, drafts: Sequence[_Draft]) -> None:
        """Plans each session whose client has spoken and that has no plan yet; a turn can go on without one."""
        due = [draft for draft in drafts if draft.request.has_spoken and not draft.reply.plan]
        fields = self._client_fields
        for draft, outcome in self._ask(PLAN, due, fields, _parse_plan, self.planning_max_tokens):
            if isinstance(outcome, Accepted):
                plan = outcome.value
                text = self.prompts.forms.plan_text(plan)
                draft.reply = replace(draft.reply, technique=plan.technique, plan=plan.steps, plan_text=text)
            elif isinstance(outcome.last, Exception) and not is_worth_another(outcome.last):
                draft.failure = outcome.last

    def _respond(self, drafts: Sequence[_Draft]) -> None:
        """Says to each client what the counselor answers."""
        for draft, outcome in self._ask(RESPONSE, drafts, self._response_fields, _parse_response):
            if isinstance(outcome, Accepted):
                draft.reply = replace(draft.reply, words=outcome.value)
            elif isinstance(outcome.last, Exception):
                draft.failure = outcome.last
            else:
                draft.failure = CounselorError(
                    f"the counselor gave an empty reply twice, at last {outcome.last.text[:200]!r}"
                )

    def _begun(self, request: CounselorRequest) -> Reply:
        """An empty reply that keeps the session's plan, and has the cue for a caption where the counselor reads it."""
        return replace(_reply_with_kept_plan(request), caption=_one_line(request.cue) if self.variant.ec else "")

    # Prompts ----------------------------------------------------------------------------------------------------------

    def _ask(
        self,
        kind: str,
        drafts: Sequence[_Draft],
        fields: Callable[[_Draft], dict[str, str]],
        parse: Callable[[Completion], Value],
        max_tokens: int | None = None,
        with_dialogue: bool = True,
    ) -> list[tuple[_Draft, Accepted[Value] | NoneAccepted]]:
        """Asks one kind of prompt of every draft that has not failed, and records prompts and answers in the drafts.

        Args:
            kind: of the prompt.
            drafts: the replies so far.
            fields: what a draft fills into the template, except for the dialogue.
            parse: reads an answer; raises RejectedAnswer for one that is asked for again.
            max_tokens: of an answer; None is the speaker's own limit.
            with_dialogue: whether the template has a field for the dialogue.
        """
        for draft in drafts:
            if draft.failure is None:
                self._write_prompt(kind, draft, fields(draft), with_dialogue)
        asked = [draft for draft in drafts if draft.failure is None]
        speaker = self.untrained.get(kind, self.speaker)

        def answer(open_: Sequence[_Draft], attempt: int) -> Sequence[Completion | Exception]:
            return speaker.answer(
                [draft.reply.prompts[kind] for draft in open_],
                [draft.request.face for draft in open_],
                [draft.request.attempt_seed(kind, attempt) for draft in open_],
                max_tokens=max_tokens,
            )

        outcomes = ask_until_valid(asked, answer, lambda _, completion: parse(completion), ATTEMPTS)
        for draft, outcome in zip(asked, outcomes, strict=True):
            draft.reply = draft.reply.with_answers(kind, outcome.attempts)
        return list(zip(asked, outcomes, strict=True))

    def _write_prompt(self, kind: str, draft: _Draft, fields: dict[str, str], with_dialogue: bool) -> None:
        """Puts the prompt into the draft, with as much of the dialogue as fits; fails the draft if nothing does."""
        request, reply = draft.request, draft.reply

        def write(earlier: Memory, dialogue: Dialogue) -> str:
            spoken = {"dialogue": self._spoken(request, earlier, dialogue)} if with_dialogue else {}
            texts = {name: text.replace(IMAGE, WRITTEN_OUT) for name, text in (fields | spoken).items()}
            return self.prompts.render(kind, **texts)

        dialogue = request.dialogue if self.variant.ec else request.dialogue_with_cue
        earlier = request.remembered if with_dialogue else ()
        fitted = fit_memory(earlier, dialogue, self.context, write, self.speaker.fits)
        if fitted is None:
            draft.failure = _too_long(kind, request, fields)
            return
        draft.reply = replace(
            reply,
            prompts=reply.prompts | {kind: fitted.text},
            dropped_utterances=max(reply.dropped_utterances, fitted.dropped_utterances),
            cut_characters=max(reply.cut_characters, fitted.cut_characters),
            remembered=_fewest(reply.remembered, fitted.remembered) if earlier else reply.remembered,
        )

    def _spoken(self, request: CounselorRequest, earlier: Memory, dialogue: Dialogue) -> str:
        """The dialogue as text; what was said in earlier sessions stands before it, each under its number."""
        form = self.prompts.forms.dialogue
        if not earlier:
            return form.write(dialogue)
        sessions = {number: [(role, words) for n, role, words in earlier if n == number] for number, _, _ in earlier}
        blocks = [(number, form.write(spoken)) for number, spoken in sessions.items()]
        blocks.append((request.conversation.session, form.write(dialogue)))
        return form.between.join(filter(None, (part for n, text in blocks for part in (SESSION.format(n), text))))

    def _client_fields(self, draft: _Draft) -> dict[str, str]:
        profile = draft.request.conversation.profile
        about = {"personal_information": profile.personal_info, "reason_for_counseling": profile.reason}
        return {name: text if is_known(text) else "" for name, text in about.items()}

    def _response_fields(self, draft: _Draft) -> dict[str, str]:
        fields = self._client_fields(draft)
        if self.variant.ec:
            fields["client_emotional_state"] = draft.reply.caption
        if self.variant.planning:
            fields |= {"technique": draft.reply.technique, "plan": draft.reply.plan_text}
        return fields


def _reply_with_kept_plan(request: CounselorRequest) -> Reply:
    """An empty reply that keeps the session's plan, if it has one."""
    planned = next((turn for turn in reversed(request.conversation.turns) if turn.plan), None)
    if not planned:
        return Reply()
    return Reply(
        technique=planned.technique, plan=planned.plan, plan_text=planned.plan_text or format_steps(planned.plan)
    )


def _fewest(before: int | None, now: int) -> int:
    return now if before is None else min(before, now)


def _too_long(kind: str, request: CounselorRequest, fields: Mapping[str, str]) -> TooLong:
    longest = max(fields, key=lambda name: len(fields[name]), default="")
    advice = f"{longest} has {len(fields[longest]):,} characters; shorten it" if longest else "use a larger model"
    return TooLong(
        f"client {request.conversation.profile.idx}: the {kind} prompt leaves the model no tokens to answer, even with "
        f"the end of the newest utterance alone: {advice}"
    )


# Answers --------------------------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _parse_caption(answer: Completion) -> str:
    caption = _one_line(answer.text)
    if not caption or answer.finish_reason == "length":
        raise RejectedAnswer("the caption of the face is empty or was cut off")
    return caption


def _parse_plan(answer: Completion) -> Plan:
    """A plan that was cut off lacks steps and would be followed for a whole session, so it is rejected."""
    if answer.finish_reason == "length":
        raise RejectedAnswer("the plan was cut off")
    try:
        return parse_plan(answer.text)
    except ValueError as error:
        raise RejectedAnswer(str(error)) from None


def _parse_response(answer: Completion) -> str:
    words = clean_reply(answer.text)
    if not words:
        raise RejectedAnswer("the reply is empty")
    return words
