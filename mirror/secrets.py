"""API keys and tokens from environment variables: reads, checks and masks them without ever showing their values."""

import base64
import json
import os
import unicodedata
from urllib.parse import quote, unquote, urlsplit

KEY = "OPENAI_API_KEY"
TOKEN = "MIRROR_SERVICE_TOKEN"
QUOTES = "'\"`´‘’‚‛“”„‟«»‹›"
OUTER_CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")  # Unicode: controls, zero-width characters, byte order marks, blanks
SHORTEST_PREFIX = 12  # characters; a part of a text that begins like a key is masked from this length on
MASK = "…"


def clean_secret(value: str | None, name: str) -> str:
    """Strips what surrounds a secret by accident: blanks, line ends, byte order marks, quotes.

    Args:
        value: the secret, or None.
        name: the variable that holds it, for the message.

    Returns:
        The secret; empty if `value` is None.

    Raises:
        ValueError: the rest cannot be sent in an HTTP header. The message shows nothing of it.
    """
    secret = _stripped(value or "")
    kinds = {kind for character in secret if (kind := _unusable(character))}
    if kinds:
        raise ValueError(
            f"{name} must be one word of ASCII characters, and holds {', '.join(sorted(kinds))} inside (its value is "
            "not shown); set it again, with nothing but the key"
        )
    return secret


def secret_of_environment(name: str) -> str:
    """The secret in the environment variable `name`; empty if it is not set. Raises like `clean_secret`."""
    return clean_secret(os.environ.get(name), name)


def secret_faults(name: str) -> list[str]:
    """What is wrong with the secret in the environment variable `name`; empty if it is usable or not set."""
    try:
        secret_of_environment(name)
    except ValueError as error:
        return [str(error)]
    return []


def url_fault(name: str, url: str, instead: str) -> str:
    """What is wrong with the URL of a server.

    A user name, password, query or fragment may be a secret, and a URL is written into settings and logs.

    Args:
        name: the parameter or variable that holds the URL, for the message.
        url: the URL.
        instead: the environment variable for the secret.

    Returns:
        One sentence that shows nothing of the URL; empty if it can be used.
    """
    plain = unquote(url)
    if any(mark in plain for mark in "@?#;\\"):
        return (
            f"{name} holds more than an address (a user name, password, query or fragment; it is not shown); give "
            f"http://host:port/path alone and put the secret into the environment: export {instead}=…"
        )
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna"))
        is_address = is_address and parts.port != 0 and plain.isprintable() and " " not in plain
    except ValueError:  # a port that is no number, a bracket that stays open, a name that is too long
        is_address = False
    return "" if is_address else f"{name} must read http://host:port/path (its value is not shown)"


def separate_urls(text: str) -> list[str]:
    """The URLs of several servers that answer alike, which commas separate; each once."""
    return list(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))


def url_faults(name: str, text: str, instead: str) -> list[str]:
    """What is wrong with the URLs in `text`, which commas separate; as `url_fault`, for the first that is unusable."""
    faults = (url_fault(name, url, instead) for url in separate_urls(text) or [text])
    return list(filter(None, faults))[:1]


def url_faults_of_environment(variable: str, instead: str, several: bool = False) -> list[str]:
    """What is wrong with the URL in the environment variable `variable`; empty if it is usable or not set.

    Args:
        variable: its name.
        instead: the environment variable for the secret.
        several: whether the variable may name several servers.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return []
    return url_faults(variable, text, instead) if several else list(filter(None, [url_fault(variable, text, instead)]))


def masked(text: str, *secrets: str | None) -> str:
    """Masks the secrets in `text`, also as encoded in headers (Base64), URLs and JSON. Mask before truncating."""
    known = [secret for secret in secrets if secret]
    for form in sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    for secret in known:
        text = _without_prefix(text, secret)
    return text


def _stripped(value: str) -> str:
    start, end = 0, len(value)
    while start < end and _is_outer(value[start]):
        start += 1
    while start < end and _is_outer(value[end - 1]):
        end -= 1
    return value[start:end]


def _is_outer(character: str) -> bool:
    return character in QUOTES or unicodedata.category(character) in OUTER_CATEGORIES


def _unusable(character: str) -> str:
    """Names the kind of a character that cannot be in a key; empty for any other."""
    if character in "\r\n":
        return "a line end"
    if character in QUOTES or character == "\\":
        return "a quote or backslash"
    if not character.isascii():
        return "a character beyond ASCII"
    return "" if character.isprintable() and character != " " else "a blank"


def _forms(secret: str) -> set[str]:
    """The secret as it is, percent-encoded, JSON-escaped, and in Base64 (alone and as the password of basic auth)."""
    encoded = {base64.b64encode(text.encode()).decode() for text in (secret, f":{secret}")}
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], *encoded}


def _without_prefix(text: str, secret: str) -> str:
    """Masks parts that begin like the secret: a server may have truncated its text inside the secret."""
    if len(secret) <= SHORTEST_PREFIX:
        return text
    head, rest = secret[:SHORTEST_PREFIX], secret[SHORTEST_PREFIX:]
    parts = text.split(head)
    for place, part in enumerate(parts[1:], 1):
        parts[place] = part[len(os.path.commonprefix([rest, part])) :]
    return MASK.join(parts)
