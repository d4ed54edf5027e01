"""From the histories of runs to numbers and verdicts; imports the ground alone.

histories reads what runs have written; summary has the numbers that tables, figures and verdicts
share; claims says what is judged and by which rules, verdicts judges.
"""
