"""`python -m executor_adapters`."""

from executor_adapters.compose import ADAPTERS
from executor_shared.service.run import run

if __name__ == "__main__":
    run(ADAPTERS)
