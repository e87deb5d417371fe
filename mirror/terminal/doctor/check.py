"""The result of one check of a machine, and words that several checks share."""

from dataclasses import dataclass

PACKAGE = "mirror-notebooks"
INSTALL = "pip install --constraint constraints.txt --editable '.{}'"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        found: what there is.
        needed: what a run needs; empty if the check only tells.
        mend: the command or step that gives what is missing; empty if nothing is.
    """

    name: str
    found: str
    needed: str = ""
    mend: str = ""

    @property
    def is_met(self) -> bool:
        """Whether nothing is missing."""
        return not self.mend


def gigabytes(size: float) -> str:
    """A size as read: `25.3 GB`."""
    return f"{size / 1e9:.1f} GB"
