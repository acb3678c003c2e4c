"""`python -m executor_catalog`."""

from executor_catalog.compose import CATALOG
from executor_shared.service.run import run


def main() -> None:
    """Run the catalog by itself."""
    run(CATALOG)


if __name__ == "__main__":
    main()
