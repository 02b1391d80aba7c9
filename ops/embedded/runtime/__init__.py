"""Programs that run in processes of their own and import nothing of Slipway.

function_worker  runs the handler of a Lambda function
cfnresponse      the module that CloudFormation gives to inline functions
aws_cli          the AWS CLI's `s3 cp`, for tasks
guard            refuses connections that leave the machine
"""
