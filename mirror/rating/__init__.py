"""Ratings of sessions by a judge or by rules."""
