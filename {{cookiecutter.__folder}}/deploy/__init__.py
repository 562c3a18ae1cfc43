"""Packages and deploys the service to AWS Lambda; no part of what is deployed."""
