"""Event source mappings of Kinesis and DynamoDB streams, with the order and failure rules of AWS Lambda.

A mapping reads each shard once and deals its records out to lanes. A lane takes one batch at a time, so a slow or
failing batch holds up its own lane and nothing else.
"""
