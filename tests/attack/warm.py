"""Loads once, in the server that forks every command, what takes a stage long to load and never changes."""

import tests.attack.stages  # noqa: F401 (imports all libraries)
from mirror.risk.lexicon import RiskLexicon

_ = RiskLexicon().kinds  # compiles its patterns
