"""From the configuration to runs: what is asked for, checked before anything runs."""
