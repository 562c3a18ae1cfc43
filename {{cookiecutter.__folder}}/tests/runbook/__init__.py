"""docs/redis.md: each block of commands does on a real cluster what the document says."""
