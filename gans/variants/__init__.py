"""One file a recipe; each is imported by the registry, so adding a file adds a variant."""
