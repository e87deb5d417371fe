"""Generated texts: clients, dialogues, pre-training corpus, data sets."""
