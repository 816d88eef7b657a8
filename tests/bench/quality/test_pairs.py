"""Pairs of users and templates: the balanced draw, the list, the folder."""

from collections import Counter
from pathlib import Path

import pytest
from bench.quality.run import QualityError, listed_pairs, pictures_in, random_pairs
from hypothesis import given
from hypothesis import strategies as st

FIXED_LIST = Path(__file__).resolve().parents[3] / "docs" / "quality-pairs.csv"


@given(st.integers(3, 40), st.integers(1, 2), st.integers(0, 2**32))
def test_every_user_meets_different_others_and_templates_are_used_evenly(count, per_user, seed):
    paths = [Path(f"{number:03}.jpg") for number in range(count)]
    pairs = random_pairs(paths, paths, per_user, seed)
    assert Counter(user for user, _ in pairs) == dict.fromkeys(paths, per_user)
    assert len(set(pairs)) == len(pairs)
    assert all(user != template for user, template in pairs)
    assert max(Counter(template for _, template in pairs).values()) <= per_user + 2


def test_the_draw_depends_on_the_seed_alone():
    paths = [Path(f"{number:03}.jpg") for number in range(20)]
    assert random_pairs(paths, paths, 2, 7) == random_pairs(paths, paths, 2, 7)
    assert random_pairs(paths, paths, 2, 7) != random_pairs(paths, paths, 2, 8)
    few = random_pairs(paths, paths, 2, 7, limit=9)
    assert len(few) == 9
    assert set(few) <= set(random_pairs(paths, paths, 2, 7))


def test_too_few_templates():
    with pytest.raises(QualityError, match=r"at least 2 other templates for a\.jpg, got 1"):
        random_pairs([Path("a.jpg")], [Path("a.jpg"), Path("b.jpg")], 2, 1)


def test_pictures_of_a_folder(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["a.JPG", "b.png"]
    assert pictures_in(tmp_path / "b.png") == [tmp_path / "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(QualityError, match="found none"):
        pictures_in(tmp_path / "empty")


def test_listed_pairs(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("user,template,why\na.jpg,b.jpg,because\n")
    paths = [Path("x/a.jpg"), Path("x/b.jpg")]
    assert listed_pairs(table, paths, paths) == [(paths[0], paths[1])]
    with pytest.raises(QualityError, match=r"missing a\.jpg"):
        listed_pairs(table, paths[1:], paths)
    table.write_text("who,whom\na.jpg,b.jpg\n")
    with pytest.raises(QualityError, match="columns user and template"):
        listed_pairs(table, paths, paths)


@pytest.mark.data
def test_the_fixed_list_has_60_different_pairs_of_the_development_pictures(shared_data):
    paths = pictures_in(shared_data / "faces")
    pairs = listed_pairs(FIXED_LIST, paths, paths)
    assert len(pairs) == len(set(pairs)) == 60
    assert all(user != template for user, template in pairs)
