"""The description service: which face goes with these words?"""
