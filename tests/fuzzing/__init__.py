"""The tests with Hypothesis of each rendered project, with many more inputs."""
