"""What decides the numbers of a run, around the algorithm: device, beginning, round, tests.

The digest of the training code is of this folder and all that it imports; see
:func:`fedper.provenance.code_digest`.
"""
