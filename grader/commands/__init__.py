"""One module for each command of `python3 -m grader`: add_arguments(parser) and run(tree, options) -> int."""
