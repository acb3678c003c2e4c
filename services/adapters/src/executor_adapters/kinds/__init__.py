"""The kinds that come with Executor; others are installed and found the same way, by entry point."""
