"""What every boto3 client of the Cloud does besides its calls.

recovery         fails fast in an outage, and replaces credentials that AWS rejects
foreign_answers  refuses answers of proxies
role_sessions    assumes roles in sessions that name the person
call_log         logs every call
"""
