"""The history of the schema `catalog`."""
