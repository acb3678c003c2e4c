"""Where policy keeps its rules, approvals and the record of calls."""
