//! DynamoDB adapters
