"""From the numbers of runs to verdicts.

rules says how claims are judged, claims what is compared for each, comparisons tests one
comparison, verdicts decides, and traffic counts what C10 says. readings lists the readings of the
protocol and what each chooses, and multiverse measures the same effects in all of them. moments
compares methods before aggregation, after it, and after fine-tuning.
"""
