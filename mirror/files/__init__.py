"""Strict reading and atomic writing of files."""
