"""`python -m mirror.exploration` serves the panel."""

from mirror.console import run_command
from mirror.exploration.command import main

if __name__ == "__main__":
    run_command(main)
