"""The one guarded way out to upstreams."""
