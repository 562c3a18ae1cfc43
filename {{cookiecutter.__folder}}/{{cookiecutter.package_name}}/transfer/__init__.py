"""Moving customers between storages: `flask customers export`, `import` and `verify`."""
