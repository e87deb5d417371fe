"""A study that was registered before its data: its file, its power, and what the data then say of its hypotheses."""
