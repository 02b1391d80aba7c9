"""The source of a rollout on disk: its file, and one template or a CDK app.

files      reads the rollout file and its template
assembly   reads the stacks of a cloud assembly
assets     reads the asset manifests of an assembly, and packages its assets
uploads    what the controller needs in its bucket
"""
