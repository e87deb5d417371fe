"""Pocket data and models: clients, faces, dialogues and networks generated from seeds. `mirror` never imports it."""
