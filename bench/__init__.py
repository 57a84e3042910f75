"""The front door: command lines, the grid, the data sets, timing.

| command | what it does |
|---|---|
| `python -m bench.run` | train, sample, score and time variants on a data set; rows, table, pictures |
| `python -m bench.sample` | draw samples from a finished run |
| `python -m bench.classifiers` | train the small classifier that scores need on a labelled data set |
"""
