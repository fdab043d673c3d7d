"""Self-checks of chapter 1."""
