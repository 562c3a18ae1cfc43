"""The service on AWS Lambda."""
