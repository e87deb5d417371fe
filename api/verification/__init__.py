"""The verification service: is a painted face safe, relevant, and of the same person?"""
