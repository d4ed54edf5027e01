"""What one reads beside the paper: models and their cut, SGD, a round, the average, a test.

May import the ground alone. No file is read or written here, and nothing of a data set is known
but its samples as tensors.
"""
