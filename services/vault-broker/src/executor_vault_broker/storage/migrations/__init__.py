"""The history of schema `vault_broker`."""
