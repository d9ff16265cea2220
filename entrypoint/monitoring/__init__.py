"""Metrics, health endpoints and a page, by HTTP."""
