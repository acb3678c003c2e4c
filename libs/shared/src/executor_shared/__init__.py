"""Contracts between the services, and the machinery they all run on."""
