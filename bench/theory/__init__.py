"""What the 2014 paper proves, in one dimension, where every number can be worked out and looked at."""
