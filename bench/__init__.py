"""The benchmark: this project, measured in one run against what it stands in front of."""
