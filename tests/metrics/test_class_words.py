import pytest

from metrics.class_words import classes_in_words


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("", ""),
        ("a", "class 'a'"),
        ("ab", "classes 'a' and 'b'"),
        ("abc", "classes 'a', 'b' and 'c'"),
        ("abcdefghijk", "classes 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j' and 1 more"),
    ],
)
def test_words(names, words):
    assert classes_in_words(names) == words
