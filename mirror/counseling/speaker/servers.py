"""The speakers of a run whose counselor is behind servers, by the settings that name them."""

import logging
from typing import Any

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import CounselorModel
from mirror.counseling.speaker.served import MergedModel, ServedSpeaker
from mirror.counseling.speaker.served_family import MergedVlm
from mirror.models.checkpoint import OTHER, Manifest, read_manifest
from mirror.paths import output_path
from mirror.prompts import Variant
from mirror.secrets import separate_urls

log = logging.getLogger(__name__)


def counselor_endpoint(settings: CounselSettings, model: str, urls: str, **options: Any) -> ChatEndpoint:
    """A counselor's model behind servers, with the sampling of the settings; `options` as of ChatEndpoint."""
    return ChatEndpoint(
        model,
        urls or None,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_new_tokens,
        concurrency=settings.concurrency,
        max_tokens_setting="max_new_tokens",
        **options,
    )


def longest_answer(settings: CounselSettings) -> int:
    """The tokens of the longest answer that the counselor may be asked for."""
    planning = settings.planning_max_tokens if Variant.of(settings.cot).planning else 0
    return max(settings.max_new_tokens, planning)


def checkpoint_facts(settings: CounselSettings, manifest: Manifest) -> dict[str, Any]:
    """What the record of a run says of a counselor's checkpoint."""
    return {"checkpoint": settings.checkpoint, "data_sha256": manifest.data_sha256, "epoch": manifest.epoch}


def served_speakers(settings: CounselSettings) -> tuple[ServedSpeaker, dict[str, CounselorModel]]:
    """Who answers, and who answers the kinds of prompt that the checkpoint was not trained on. Asks their servers.

    Raises:
        FileNotFoundError, ValueError: a file of the merged folder is missing or damaged.
        ValueError: no server answers, or one reads other tokens than those of the prompts.
    """
    folder = output_path(settings.checkpoint)
    manifest = read_manifest(folder)
    merged = MergedVlm.read(folder) if manifest.size == OTHER else MergedModel.read(folder)
    facts: dict[str, Any] = checkpoint_facts(settings, manifest)
    untrained: dict[str, CounselorModel] = {}
    if manifest.untrained:
        base = _served(settings, merged, settings.untrained_model, settings.untrained_url or settings.counselor_url, {})
        untrained = dict.fromkeys(manifest.untrained, base)
        facts["untrained"] = base.facts()
    return _served(settings, merged, settings.counselor_model, settings.counselor_url, facts), untrained


def _served(
    settings: CounselSettings, merged: MergedModel | MergedVlm, model: str, urls: str, facts: dict[str, Any]
) -> ServedSpeaker:
    """A speaker behind servers of which at least one answers, and all that answer read the trained prompts."""

    def speaker(url: str, **options: Any) -> ServedSpeaker:
        endpoint = counselor_endpoint(settings, model, url, extra=merged.sampling(), **options)
        return ServedSpeaker(endpoint, merged, longest_answer(settings), facts, settings.face_size)

    found = {url: speaker(url, retries=1).fault() for url in separate_urls(urls)}
    faults = [fault for fault in found.values() if fault]
    if len(faults) == len(found) or any(not isinstance(fault, ChatError) for fault in faults):
        raise ValueError(
            "counselor is served, and its server cannot be used: "
            + "; ".join(map(str, faults))
            + f". Serve the merged folder under the name {model}, for example with vllm serve (docs/counsel.md)"
        )
    for fault in faults:
        log.warning("one of the counselor's servers cannot be used now: %s", fault)
    return speaker(urls)
