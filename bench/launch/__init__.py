"""Where the cells of a launch run: one file a launcher, listed in `bench.launch.launchers`.

A launcher is a function of a `Job`, and of requests to end it, that carries out its cells, in their order
as far as it can, and yields how each one ended as soon as it has. Whatever a cell does to itself is a row and
the next cell; what concerns all of them (a disk that cannot be written, the user's Ctrl-C) is raised.
"""
