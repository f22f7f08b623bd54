"""What files of strangers are like, tried in every form of source: the right value, or a clear error."""
