"""Local mode: everything of Executor on one machine, from one data directory."""
