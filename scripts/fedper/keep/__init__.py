"""The side that knows DVC and Snakemake's traces: stages, and runs that come or go.

May import plan, results and the ground; nothing imports it.
"""
