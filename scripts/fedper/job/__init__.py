"""The process that trains a run: round after round, with checkpoints, limits and a record.

Nothing here changes a number of a run's history, so nothing here is in the digest of the training
code.
"""
