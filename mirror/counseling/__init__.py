"""Counseling sessions: client, face, counselor, turn by turn."""
