"""Drawn faces: shapes, expressions, identities."""
