"""`python -m api.description`: makes the describer and serves it."""

import sys

from api.description.app import DescriptionSettings, create_app
from api.serving import start
from mirror.faces.description import ChatDescriber, LexiconDescriber, LocalDescriber


def load(settings: DescriptionSettings) -> LexiconDescriber | ChatDescriber:
    """The describer that the settings name. Raises FileNotFoundError or ValueError where it cannot work."""
    if settings.describer == "lexicon":
        return LexiconDescriber()
    if not settings.model:
        raise ValueError(f"the describer {settings.describer} needs a model: --model, or DESCRIPTION_MODEL")
    sampling = {"temperature": settings.temperature, "top_p": settings.top_p, "max_tokens": settings.max_tokens}
    sampling["room"] = "--max-tokens (or DESCRIPTION_MAX_TOKENS)"
    if settings.describer == "openai":
        from mirror.chat.endpoint import ChatEndpoint  # each back end has a heavy library that the others do without

        endpoint = ChatEndpoint(
            settings.model,
            settings.base_url or None,
            timeout=settings.request_seconds / 2,  # an answer that cannot be read is asked for a second time
            retries=0,  # who asks this service tries again by itself
            concurrency=1,
            **sampling,
        )
        return ChatDescriber(endpoint)
    from mirror.chat.local import LanguageModel

    return LocalDescriber(LanguageModel.load(settings.model, device=settings.device, **sampling))


if __name__ == "__main__":
    sys.exit(start("python -m api.description", DescriptionSettings, load, create_app))
