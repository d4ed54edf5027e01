"""Figures: from numbers and partitions to pictures with a note below.

figures says what draws which figure of runs; style has what all of them share. What a user has set,
as MPLBACKEND in a notebook or a matplotlibrc, changes nothing.
"""

import os

os.environ["MPLBACKEND"] = "agg"  # before matplotlib looks for a backend that may not be there
import matplotlib as mpl

mpl.rcdefaults()
