"""Figures: from the numbers of fedper.judge, and partitions, to pictures with a note below.

figures says what draws which figure of runs; style has what all of them share. They depend on
nothing that a user has set: MPLBACKEND, as a notebook sets it, or a matplotlibrc.
"""

import os

os.environ["MPLBACKEND"] = "agg"  # before matplotlib looks for a backend that may not be there
import matplotlib as mpl

mpl.rcdefaults()
