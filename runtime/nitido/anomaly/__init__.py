"""Anomalies: pictures compared with their reconstruction."""
