"""Stages of DVC, runs that are brought or removed, and the commit of this code."""
