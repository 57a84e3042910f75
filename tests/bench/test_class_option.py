import pytest

from bench.class_option import asked_classes, listed, spread
from bench.errors import InputError

PETS = ("cat", "Great Dane", "3", "cat, sleeping", "dog")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat", [0]),
        ("Great Dane", [1]),
        ("1", [1]),
        ("3", [2]),  # a name wins over a number
        ("0,4", [0, 4]),
        (" dog , cat ", [4, 0]),
        ("cat, sleeping", [3]),  # a name with a comma in it
        ("all", [0, 1, 2, 3, 4]),
    ],
)
def test_names_numbers_several_and_all(text, labels):
    assert asked_classes(text, PETS) == labels


def test_digits_by_name_are_digits_by_number():
    assert asked_classes("3,9", tuple("0123456789")) == [3, 9]


def test_a_class_called_all_is_that_class():
    assert asked_classes("all", ("some", "all")) == [1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cot", "There is no class 'cot'. Did you mean 'cat'? There are: cat, Great Dane, 3, cat, sleeping"),
        ("DOG", "Did you mean 'dog'?"),
        ("great dane", "Did you mean 'Great Dane'?"),
        ("5", "There is no class '5'. There are: "),
        ("-1", "There is no class '-1'."),
        ("4.0", "There is no class '4.0'."),
        ("9" * 5000, "There is no class '999"),
        ("²", "There is no class '²'."),
        ("", "--class needs the name or the number of a class."),
        (",", "--class needs the name or the number of a class."),
        ("cat,dog,cat", "--class cat,dog,cat names the class 'cat' twice."),
        ("cat,0", "names the class 'cat' twice."),
        ("cat,all", "There is no class 'all'."),
    ],
)
def test_what_is_no_class_is_said_to_be_none(text, sentence):
    with pytest.raises(InputError) as error:
        asked_classes(text, PETS)
    assert sentence in str(error.value)


def test_a_thousand_names_are_not_listed():
    with pytest.raises(InputError, match=r"There are: 0, 1, .*, 19, … \(1000 in all\)\.$"):
        asked_classes("1000", [str(i) for i in range(1000)])
    assert listed(["a", "b"]) == "a, b"


def test_spread_is_even_and_complete():
    assert spread(7, [5, 2, 0]).tolist() == [5, 5, 5, 2, 2, 0, 0]
    assert spread(3, [1]).tolist() == [1, 1, 1]
