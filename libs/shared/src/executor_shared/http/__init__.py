"""HTTP machinery: problems, paging."""
