"""Diagrams of steps: state machines, stages of a rollout, and the log pipeline.

model      the nodes, the edges, and the main path of a diagram
layers     the layer and the lane of every node
layout     positions and routes for a number of columns
component  the Streamlit component that draws a diagram and reports clicks
"""
