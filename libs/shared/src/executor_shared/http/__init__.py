"""HTTP machinery: problems."""

from executor_shared.http.problems import STATUS, install, problem, problem_of

__all__ = ["STATUS", "install", "problem", "problem_of"]
