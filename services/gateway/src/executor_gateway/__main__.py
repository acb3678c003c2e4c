"""`python -m executor_gateway`."""

from executor_shared.service.run import run

from executor_gateway.compose import GATEWAY

if __name__ == "__main__":
    run(GATEWAY)
