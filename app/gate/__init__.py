"""The gate in front of Streamlit: what it needs to know of Streamlit's configuration and cookies.

wiring  the gate's configuration, from the server's options, the secrets, and the settings
"""
