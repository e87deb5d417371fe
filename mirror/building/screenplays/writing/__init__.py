"""The writing of screenplays: a chat model writes the session of a client with a kind of resistance."""

from mirror.building.screenplays.writing.commission import KINDS, parse_kinds
from mirror.building.screenplays.writing.cost import WritingCost
from mirror.building.screenplays.writing.writer import ATTEMPTS, SAMPLING, Writer, WritingStopped

__all__ = ["ATTEMPTS", "KINDS", "SAMPLING", "Writer", "WritingCost", "WritingStopped", "parse_kinds"]
