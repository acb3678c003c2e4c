"""Decides calls, keeps approvals and the record of calls."""
