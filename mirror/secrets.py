"""Keys and tokens of the environment: cleaned, checked unseen, and masked in everything that is shown or written."""

import base64
import json
import os
import unicodedata
from urllib.parse import quote, unquote, urlsplit

KEY = "OPENAI_API_KEY"
TOKEN = "MIRROR_SERVICE_TOKEN"
QUOTES = "'\"`´‘’‚‛“”„‟«»‹›"
OUTER = ("Cc", "Cf", "Zs", "Zl", "Zp")  # controls, zero-width characters and byte order marks, blanks
SHORTEST_PREFIX = 12  # characters of a key that are masked where a server shows only its beginning
MASK = "…"


def clean_secret(value: str | None, name: str) -> str:
    """`value` without what surrounds it by accident: blanks, line ends, byte order marks, quotes. Empty if None.

    Raises:
        ValueError: what is left cannot stand in an HTTP header. The message does not show any of it.
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
    """The key that the environment holds under `name`; empty where there is none. Raises like `clean_secret`."""
    return clean_secret(os.environ.get(name), name)


def secret_faults(name: str) -> list[str]:
    """What is wrong with the environment's key; nothing where it is usable or not set."""
    try:
        secret_of_environment(name)
    except ValueError as error:
        return [str(error)]
    return []


def url_fault(name: str, url: str, instead: str) -> str:
    """What is wrong with a URL that is asked, in one sentence that shows nothing of it; empty where it can be used.

    A user name, password, query or fragment may be a secret, and a URL is written into settings and logs.

    Args:
        name: the parameter or variable that holds it.
        instead: the environment's variable that a secret goes into.
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


def url_faults_of_environment(variable: str, instead: str) -> list[str]:
    """What is wrong with the URL that the environment holds under `variable`; nothing where it is usable or not set."""
    url = os.environ.get(variable, "").strip()
    fault = url_fault(variable, url, instead) if url else ""
    return [fault] if fault else []


def masked(text: str, *secrets: str | None) -> str:
    """`text` without the secrets, in any form that a header, a URL or a JSON text gives them; mask before cutting."""
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
    return character in QUOTES or unicodedata.category(character) in OUTER


def _unusable(character: str) -> str:
    """The kind of a character that no key has; empty for any other."""
    if character in "\r\n":
        return "a line end"
    if character in QUOTES or character == "\\":
        return "a quote or backslash"
    if not character.isascii():
        return "a character beyond ASCII"
    return "" if character.isprintable() and character != " " else "a blank"


def _forms(secret: str) -> set[str]:
    encoded = {base64.b64encode(text.encode()).decode() for text in (secret, f":{secret}")}
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], *encoded}


def _without_prefix(text: str, secret: str) -> str:
    """Masks what begins like the secret: a server, or whatever cut its text, may have left only the beginning."""
    if len(secret) <= SHORTEST_PREFIX:
        return text
    head, parts = secret[:SHORTEST_PREFIX], text.split(secret[:SHORTEST_PREFIX])
    for place, part in enumerate(parts[1:], 1):
        rest = secret[len(head) :]
        shared = len(os.path.commonprefix([rest, part]))
        parts[place] = part[shared:]
    return MASK.join(parts)
