"""A stand-in for HashiCorp Vault: what the broker uses of it, after Vault's HTTP API documentation.

It keeps KV version 2 (check-and-set, versions, delete, undelete, destroy, metadata), tokens with a life
(lookup, renew, revoke), AppRole (secret ids with uses and a life), policies by path, and the states sealed,
standby and overloaded. It leaves out storage, audit, leases of dynamic secrets, templated policies and every
other engine. `pytest -m vault` runs the same suite against a real server.
"""

from tests.standins.vault.server import VaultStandIn

__all__ = ["VaultStandIn"]
