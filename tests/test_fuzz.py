"""A small share of the campaign in fuzz.py, with a seed of its own."""

import pytest
from fuzz import READERS, campaign


@pytest.mark.parametrize("kind", READERS)
def test_a_spoiled_file_is_refused_in_one_line_or_changes_nothing(kind):
    counts, faults = campaign(8, seed=1, names=[kind])
    assert sum(counts.values()) > 4
    assert faults == []
