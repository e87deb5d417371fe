"""Counseling sessions, turn by turn: client, face, counselor."""
