"""Data sets: one canonical form (:mod:`fedper.data.dataset`), and a reader for each source."""
