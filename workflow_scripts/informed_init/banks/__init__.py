"""What filters of trained networks have in common: sources, clustering, alignment, cosines, files."""
