"""From tables to intervals, verdicts on claims, and the numbers of the manuscript."""
