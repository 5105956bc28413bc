"""The product under load, for as long as `make soak` says."""
