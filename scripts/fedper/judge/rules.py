"""The rules by which the paper's claims are judged, and their levels.

1. The unit is the seed. Runs of one seed share what they can: images and their order, and, at the
   same k, the partition; the initial base too, unless one of them has another base. So they are
   compared in pairs: a seed's effect is a difference between last rounds, averaged over the models
   (and settings, where a figure has its own) that both sides were asked for; where models have
   different numbers of seeds, over those that have the most.
   Clients are never pooled; they are not independent, and pooling them finds effects that are not
   there far too often.
2. Over the effects of all seeds: mean, 95 % interval of Student's t, and a t test, one-sided in
   the direction of the claim.
3. A claim has a part for each data set that it is about. A part of several comparisons holds only
   if all of them do, so its p value is the largest of theirs. The p values of all parts that can
   be tested are corrected together by Holm's method.
4. A part is "reproduced" if its corrected p is below 0.05; "not reproduced" if one comparison at
   least lies on the other side of the bound that the claim sets, by a t test at 0.025 divided by
   the number of the part's comparisons; "no data" if there is no run on its data set; else
   "inconclusive": neither, or fewer than MIN_SEEDS seeds, or runs that are missing or diverged;
   with the reason.
5. The claim as a whole follows from its parts with data. All of them are reproduced: "reproduced".
   Some are and others are not reproduced: "mixed". Some are not reproduced, and none is reproduced:
   "not reproduced". No part has data: "no data". Else "inconclusive". The reason counts the parts.
6. A claim sets the bound 0: the effect is larger. That a gain is gone means that it is below
   MARGIN; that something does nothing, that its effect is between -MARGIN and MARGIN.
7. Of C4 and C5 only a part is judged: not which K_P is best (2 on CIFAR-10, 1 on CIFAR-100, says
   the paper), nor how high FedAvg and FedPer come on FLICKR-AES.
8. C10 needs no test: how many bytes stay home follows from model and K_P. It is reproduced where
   that is less than MODEST of FedAvg's bytes at K_P = 2 in every model that was run.
9. What changed: until the authors' protocol became the reference, a claim was one hypothesis over
   all its data sets, so that C6 to C9 stayed inconclusive wherever FLICKR-AES could not be had.
   Rules 3 to 5 and C10, and the parts of C8 and C9 on CIFAR-10, which the authors' code configures,
   were written before any run of that protocol was judged.
"""

RULES = __doc__.split("\n\n", 1)[1].strip()
"""The rules above, as every file of verdicts repeats them."""

MIN_SEEDS = 3
LEVEL = 0.05

MARGIN = 0.02
"""Difference in accuracy that is too small to matter."""

MODEST = 0.5
"""Share of FedAvg's bytes below which what stays home is modest."""
