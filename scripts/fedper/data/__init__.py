"""From files to samples in one form (:mod:`fedper.data.dataset`), and which client holds which.

A layout in :mod:`fedper.names` names the module here whose ``read`` reads it.
"""
