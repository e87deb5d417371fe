"""What a counselor's reply to a sign of risk does: asks about safety, guides to people. By phrases, not by meaning."""

from functools import cache
from pathlib import Path

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.lexicon import RiskLexicon, phrases

DATA = Path(__file__).with_name("guidance.yaml")


def guidance(reply: str) -> frozenset[str]:
    """What a reply does: `asks_about_safety`, `guides_to_people`, both or neither."""
    return frozenset(found.kind for found in _lexicon().flags(reply))


@cache
def _lexicon() -> RiskLexicon:
    table = strict_yaml(read_text(DATA))
    return RiskLexicon({**table, "words": {**phrases()["words"], **table["words"]}})
