"""A run around the algorithm: set up, round after round, checkpoints, the record it leaves.

May import the ground, the algorithm, and :mod:`fedper.data`'s forms of data set and partition.
"""
