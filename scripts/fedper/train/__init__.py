"""What decides the numbers of a run, around the algorithm: device, beginning, round, tests.

May import the ground, the algorithm, and :mod:`fedper.data`'s forms of data set and partition. The
digest of the training code is of this folder and all that it imports; see
:func:`fedper.provenance.code_digest`.
"""
