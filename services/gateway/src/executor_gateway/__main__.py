"""`python -m executor_gateway`: run the service."""

from executor_gateway.compose import GATEWAY
from executor_shared.service.run import run


def main() -> None:
    """Run until told to stop."""
    run(GATEWAY)


if __name__ == "__main__":
    main()
