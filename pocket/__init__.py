"""The pocket family: small clients, faces, dialogues and models, made from seeds by code. `mirror` never imports it."""
