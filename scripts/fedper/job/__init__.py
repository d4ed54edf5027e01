"""The process that trains a run: round after round, with checkpoints, limits and a record.

May import the ground, the algorithm, :mod:`fedper.train`, and :mod:`fedper.data`'s forms. Nothing
here changes a number of a run's history, so nothing here is in the digest of the training code.
"""
