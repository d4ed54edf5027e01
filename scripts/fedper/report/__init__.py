"""What people read: tables, verdicts in words, the report, the replication record.

Figures of runs are defined in ``paper/figures.yaml``; sources of settings are in
``paper/settings.yaml``.
"""
