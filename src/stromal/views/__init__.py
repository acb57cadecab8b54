"""Figures, sentences and files made of results; nothing below imports this."""
