"""Prompts: the four variants with their templates, and dialogues, utterances, plans and expressions as text."""

from mirror.prompts.dialogue import SPEAKER_LABEL, SPEAKERS, DialogueForm, format_dialogue, parse_dialogue
from mirror.prompts.expression import (
    EXPRESSION_TEMPLATE,
    FacialExpression,
    MissingDescription,
    expression_prompt,
    format_expression,
    parse_expression,
)
from mirror.prompts.forms import FieldForms, FormCounts, PlanForm
from mirror.prompts.plan import Plan, format_plan, format_steps, parse_plan
from mirror.prompts.portrait import negative_prompt, portrait_prompt, relevance_statement
from mirror.prompts.reply import clean_reply
from mirror.prompts.technique import (
    NOT_FOUND,
    TECHNIQUE_NAME,
    TECHNIQUES,
    canonical_technique,
    is_known,
    technique_span,
)
from mirror.prompts.template import CountedTemplate, PromptSet, PromptTemplate
from mirror.prompts.utterance import Utterance, format_utterance, parse_utterance
from mirror.prompts.variants import KINDS, VARIANTS, Variant, completed, lacking, own_prompts, own_template

__all__ = [
    "EXPRESSION_TEMPLATE",
    "KINDS",
    "NOT_FOUND",
    "SPEAKERS",
    "SPEAKER_LABEL",
    "TECHNIQUES",
    "TECHNIQUE_NAME",
    "VARIANTS",
    "CountedTemplate",
    "DialogueForm",
    "FacialExpression",
    "FieldForms",
    "FormCounts",
    "MissingDescription",
    "Plan",
    "PlanForm",
    "PromptSet",
    "PromptTemplate",
    "Utterance",
    "Variant",
    "canonical_technique",
    "clean_reply",
    "completed",
    "expression_prompt",
    "format_dialogue",
    "format_expression",
    "format_plan",
    "format_steps",
    "format_utterance",
    "is_known",
    "lacking",
    "negative_prompt",
    "own_prompts",
    "own_template",
    "parse_dialogue",
    "parse_expression",
    "parse_plan",
    "parse_utterance",
    "portrait_prompt",
    "relevance_statement",
    "technique_span",
]
