"""What runs have written, read and summed up: the numbers that tables, figures and verdicts share.

histories reads, faults names runs without an accuracy, summary averages over clients and seeds.
"""
