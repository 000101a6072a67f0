"""Plotly figures: pure functions from data to a Figure, without streamlit."""
