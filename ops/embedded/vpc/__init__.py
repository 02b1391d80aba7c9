"""Amazon VPC: what a network interface can connect to.

service          what the emulator lacks in VPCs and VPC endpoints
security_groups  whether security groups allow a connection
routes           routes of a subnet to the internet
reach            whether a network interface reaches an AWS service, the internet, or a database
"""
