"""Looks over content that can be used: what is hard to read, hurts, is old, costs much or lags behind English."""
