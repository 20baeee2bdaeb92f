"""The desktop window of live reading: `window` shows what `dashboard` composes."""
