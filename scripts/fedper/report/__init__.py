"""What people read: tables, verdicts in words, the report, the replication record.

May import the ground, judge, plan, and :mod:`fedper.data`'s form of a partition. What a figure is,
``paper/figures.yaml`` says; where a setting comes from, ``paper/settings.yaml``.
"""
