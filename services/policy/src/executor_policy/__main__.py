"""`python -m executor_policy`: run the service."""

from executor_policy.compose import POLICY
from executor_shared.service.run import run


def main() -> None:
    """Run until told to stop."""
    run(POLICY)


if __name__ == "__main__":
    main()
