"""Statistics over runs: metrics, comparisons, tables, figures."""
