"""Recorded conversations that a counselor answers again, turn by turn, without a client, a painter or a filter."""
