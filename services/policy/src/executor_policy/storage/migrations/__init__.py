"""The history of schema `policy`."""
