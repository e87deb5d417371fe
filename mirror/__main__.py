"""`python -m mirror`: the console command."""

from mirror.terminal.command import main

if __name__ == "__main__":
    main()
