"""Get the files of a data set or of its stand-in, check them, and write a receipt.

May import nothing but the ground: :mod:`fedper.data` reads what is here, never the other way.
"""
