"""Plotly figures: pure functions from data to a Figure, which know no streamlit and nothing of the store."""
