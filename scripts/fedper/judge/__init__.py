"""From the histories of runs to numbers and verdicts.

histories reads what runs have written; summary has the numbers that tables, figures and verdicts
share. rules says how claims are judged, claims what is compared for each, comparisons tests one
comparison, verdicts judges, and traffic counts what C10 says. readings lists the readings
of the protocol and choices what each chooses; multiverse measures the same effects in all of them.
"""
