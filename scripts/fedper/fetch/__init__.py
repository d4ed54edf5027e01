"""Get the files of a data set or of its stand-in, check them, and write a receipt."""
