"""Figures: from the numbers of fedper.judge, and partitions, to pictures with a note below.

figures says what draws which figure of runs; style has what all of them share.
"""
