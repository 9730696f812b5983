"""What each command takes: parsers that need neither torch nor Lightning, so that help and mistakes come at once."""
