"""Programs that run in their own processes and import nothing from Slipway.

function_worker  runs the handler of a Lambda function
cfnresponse      the module that CloudFormation provides to inline functions
aws_cli          the AWS CLI's `s3 cp`, for tasks
guard            blocks connections to other machines
"""
