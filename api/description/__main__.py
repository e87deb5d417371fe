"""`python -m api.description`: creates the describer and serves it."""

from typing import Any

from api.description.app import DescriptionSettings, create_app
from api.serving import start
from mirror.console import run_command
from mirror.faces.description import ChatDescriber, LexiconDescriber, LocalDescriber


def load(settings: DescriptionSettings) -> LexiconDescriber | ChatDescriber:
    """The describer that the settings name. Raises FileNotFoundError or ValueError if it cannot be created."""
    if settings.describer == "lexicon":
        return LexiconDescriber()
    if not settings.model:
        raise ValueError(f"the describer {settings.describer} needs a model: --model, or DESCRIPTION_MODEL")
    sampling: dict[str, Any] = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": settings.max_tokens,
        "max_tokens_setting": "--max-tokens (or DESCRIPTION_MAX_TOKENS)",
    }
    if settings.describer == "openai":
        from mirror.chat.endpoint import (
            ChatEndpoint,  # each back end imports a heavy library that the others do not need
        )

        endpoint = ChatEndpoint(
            settings.model,
            settings.base_url or None,
            timeout=settings.request_seconds / 2,  # an answer that cannot be parsed is asked for a second time
            retries=0,  # callers of this service retry by themselves
            concurrency=1,
            **sampling,
        )
        return ChatDescriber(endpoint)
    from mirror.chat.local import LanguageModel

    return LocalDescriber(LanguageModel.load(settings.model, device=settings.device, **sampling))


if __name__ == "__main__":
    from api.description import __main__ as command  # worker processes find `load` by this name

    run_command(lambda: start("python -m api.description", DescriptionSettings, command.load, create_app))
