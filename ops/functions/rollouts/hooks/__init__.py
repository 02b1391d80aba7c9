"""The hooks of a rollout's stages.

calling  calls a hook, and stores its state before and after
https    checks a URL of a public address
"""
