"""`make demo`: the main job of Executor, end to end, on real upstreams."""
