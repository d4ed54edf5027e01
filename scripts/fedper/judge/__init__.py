"""From the histories of runs to numbers and verdicts.

histories reads what runs have written; summary has the numbers that tables, figures and verdicts
share; claims says what is judged and by which rules, verdicts judges. readings lists the readings
of the protocol and choices what each chooses; multiverse measures the same effects in all of them.
"""
