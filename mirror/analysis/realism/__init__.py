"""How sessions compare with real ones: lengths, talk share, questions, words of resistance, topics by turn."""
