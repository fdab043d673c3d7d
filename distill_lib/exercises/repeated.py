"""Self-checks of chapter 3."""
