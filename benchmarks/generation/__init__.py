"""Parts of generators.py: distances, digits, emoji, melodies, and the page."""
