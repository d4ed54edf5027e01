"""A page of a scale's results that can be explored in a browser, in one file."""
