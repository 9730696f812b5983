"""What `scalemogen bench` and `make bench` measure.

The folder is linked into the package and has one import name, `scalemogen.benchmarks`. `--against REVISION` links this
folder into another revision of the package too, so the modules that measure use only names that both have.
"""

if __name__ != "scalemogen.benchmarks":
    raise ImportError(f"import scalemogen.benchmarks instead of {__name__}: the folder is linked into the package")
