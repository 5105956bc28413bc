"""The rooms of the product; arrows run web -> work -> (providers | store) -> core."""
