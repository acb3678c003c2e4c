"""`python -m executor_vault_broker`: run the service."""

from executor_shared.service.run import run
from executor_vault_broker.compose import VAULT_BROKER


def main() -> None:
    """Run until told to stop."""
    run(VAULT_BROKER)


if __name__ == "__main__":
    main()
