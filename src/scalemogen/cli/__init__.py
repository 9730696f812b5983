"""The console script: `scalemogen <command>`."""
