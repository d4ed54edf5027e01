"""The rules by which the paper's claims are judged, and their levels.

1. The unit is the seed. Runs of one seed share what they can: images and their order, and, at the
   same k, the partition; the initial base too, unless one of them has another base. So they are
   compared in pairs: a seed's effect is a difference between last rounds, averaged over settings
   where a figure has its own. Clients are never pooled: they are not independent, and pooling them
   finds effects that are not there far too often. Models are never averaged.
2. A claim has a part for each data set and model that it is about. A part is judged if the plan of
   the scale has MIN_SEEDS seeds or more for all that it compares; else it is "not judged", and its
   effects are only described; "no data" where nothing is planned on its data set.
3. An effect that a claim says is there must be above MARGIN. That a gain is gone means that it is
   below MARGIN; that something does nothing, that its effect is between -MARGIN and MARGIN.
   Differences smaller than MARGIN do not matter, in either direction.
4. Three verdicts of a part need a test, a one-sided t test over the seeds' effects. "Reproduced":
   all comparisons lie where the claim says; p is the largest of theirs. "Not reproduced": one
   comparison at least shows the opposite, an effect below -MARGIN (or, where the claim says gone or
   nothing, one beyond the bound); p is the smallest of theirs times their number. "No effect of a
   size that matters": one at least that should be above MARGIN lies between -MARGIN and MARGIN; p
   as before.
5. The p values of each of the three are corrected by Holm's method over all parts that are judged.
   The plan fixes this family: a part that cannot be tested, because a run is missing, counts with
   p = 1. A corrected p below LEVEL decides. What none decides is "inconclusive", with the reason.
   So each of the three is found wrongly, anywhere, in at most 5 % of all replications.
6. The claim as a whole follows from the parts that are judged. All are reproduced, and every data
   set has one: "reproduced". One at least is, and none is against it: "reproduced in part". Some
   are reproduced, others not reproduced or without an effect that matters: "mixed". One at least
   is not reproduced, and none reproduced: "not reproduced". None has an effect that matters: so is
   the claim. Else "inconclusive", or "not judged" or "no data" where no part is judged.
7. A run that diverged counts as guessing, and so does a client whose test loss is no finite number:
   its accuracy is its floor, the share of its commonest test label. A missing run is missing.
8. C6 is judged by the spread over clients of log odds, log(a / (1 - a)) of an accuracy a, with half
   an image added to the right and the wrong ones: near 0 and 1 accuracies differ less without any
   merit. The spread of accuracies stands beside it. MARGIN is 4 times as large there: so much is
   MARGIN of accuracy, in log odds, at a half.
9. Of C4 and C5 only a part is judged: not which K_P is best (2 on CIFAR-10, 1 on CIFAR-100, says
   the paper), nor how high FedAvg and FedPer come on FLICKR-AES.
10. C10 needs no test: how many bytes stay home follows from model and K_P. It is reproduced where
    that is less than MODEST of FedAvg's bytes at K_P = 2.
11. Intervals are of Student's t, 95 %, each for itself and not corrected: a verdict is stricter.
12. What changed before the first run of this protocol on real images was judged. First: parts for
    each data set (C6 to C9 stayed inconclusive wherever FLICKR-AES could not be had), C10, and C8
    and C9 on CIFAR-10. Then: parts for each model, where an average hid that one wins and the other
    loses; five seeds, not three; one margin in place of 0, and "no effect of a size that matters";
    C2 needs a gain at low k; "not reproduced" is corrected as "reproduced" is; the plan fixes
    Holm's family; C6 by log odds; diverged runs count as guessing; "reproduced in part".
"""

RULES = __doc__.split("\n\n", 1)[1].strip()
"""The rules above, as every file of verdicts repeats them."""

MIN_SEEDS = 5
"""Seeds that a part needs to be judged."""

SEEDS_OF_INTERVAL = 3
"""Seeds from which on an interval is given."""

LEVEL = 0.05

MARGIN = 0.02
"""Difference in accuracy that is too small to matter."""

MARGIN_LOG_ODDS = 4 * MARGIN
"""The same in log odds, at an accuracy of a half, where they rise four times as fast."""

MODEST = 0.5
"""Share of FedAvg's bytes below which what stays home is modest."""

REPRODUCED, AGAINST, NO_EFFECT = (
    "reproduced",
    "not reproduced",
    "no effect of a size that matters",
)
"""Verdicts that need a test."""

IN_PART, MIXED = "reproduced in part", "mixed"
"""Verdicts on a claim that follow from its parts."""

INCONCLUSIVE, NOT_JUDGED, NO_DATA = "inconclusive", "not judged", "no data"
