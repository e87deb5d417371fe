"""Generated texts: clients, dialogues, screenplays, pre-training corpus."""
