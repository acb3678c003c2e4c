"""The executor command: all services on one machine, configuration, calls, approvals."""
