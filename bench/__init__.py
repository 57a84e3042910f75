"""The front door: command lines, the grid, the data sets, timing.

| command | what it does |
|---|---|
| `python -m bench.run` | train, sample, score and time variants on a data set; rows, table, pictures |
| `python -m bench.sample` | draw samples or walks from a finished run; find their nearest training images |
| `python -m bench.classifiers` | train the small classifier that scores need on a labelled data set |

From Python, `bench.score.score` scores anybody's samples against a data set.
"""
