"""Screenplays: reading, writing and filtering the texts of counseling sessions."""

from mirror.building.screenplays.screenplay import ClientInfo, Line, Screenplay, Speaker

__all__ = ["ClientInfo", "Line", "Screenplay", "Speaker"]
