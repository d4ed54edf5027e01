"""What one reads beside the paper: models and their cut, SGD, a round, the average, a test.

No file is read or written here, and a data set is nothing but its samples as tensors.
"""
