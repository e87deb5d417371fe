"""The texts of the pocket world: clients, dialogues, corpora, data sets."""
