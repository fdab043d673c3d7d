"""Self-checks of chapter 2."""
