"""What development and the tests need beside the service; no part of what is deployed."""
