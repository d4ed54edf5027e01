"""Bring the files of a data set or of its stand-in, and check them; say which they are.

May import nothing but the ground: :mod:`fedper.data` reads what is here, never the other way.
"""
