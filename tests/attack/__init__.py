"""Random faults over every stage of the work: `python -m tests.attack --faults 300 --seed 1`."""
