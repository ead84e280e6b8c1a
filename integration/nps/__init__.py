"""The rules of Molva: who is asked, when, what an answer means and what must follow.

Plain functions over frozen values. Nothing here reads a clock, a file, the network or a language
catalogue: ``now`` and ``today`` are handed in, texts are named by codes (architecture.md 2).
"""
