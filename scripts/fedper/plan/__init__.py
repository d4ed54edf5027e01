"""From the configuration to runs: what is asked for, checked before anything runs.

May import the ground, and :mod:`fedper.data`'s rules of what can be partitioned.
"""
