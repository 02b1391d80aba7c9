"""Support stacks of CDK pipelines: found, judged, cleaned up, and made needless."""
