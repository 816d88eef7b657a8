"""Whole runs with simple engines on the two portraits."""

import json
import logging
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from bench.quality.__main__ import main
from bench.quality.report import METRICS, MONOTONY, monotony, summarise
from bench.quality.run import QualityError, in_processes, random_pairs, run

from .engines import BlankEngine, CopyEngine, DyingEngine, FailingEngine, MaskEngine, SimpleEngine, SmallPictureJudge


@pytest.fixture(scope="module")
def portraits(tmp_path_factory, hopper_path, astronaut_path, bundle_path, monkeypatch_module):
    """A folder with both portraits; the bundle is found by every process."""
    folder = tmp_path_factory.mktemp("portraits")
    monkeypatch_module.setenv("FACEMELD_MODEL_DIR", str(bundle_path.parent))
    return [shutil.copy(path, folder) and folder / path.name for path in (hopper_path, astronaut_path)]


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def bench(portraits, output, engine, **changes):
    pairs = changes.pop("pairs", None) or random_pairs(portraits, portraits, 1, seed=1)
    options = {"workers": 1, "slider_pairs": 0, "degrees": [(50, 50), (0, 0)], "judge_factory": SmallPictureJudge}
    return run(portraits, pairs, output, engine_factory=engine, **(options | changes))


def test_an_unchanged_template_gains_nothing_and_disturbs_nothing(portraits, tmp_path):
    report = bench(portraits, tmp_path, CopyEngine, degrees=[(0, 0)])
    assert len(report.outcomes) == 2
    for outcome in report.outcomes:
        values = outcome.values
        assert outcome.error is None
        assert (values["identity_gain"], values["normalised_gain"]) == pytest.approx((0, 0), abs=1e-6)
        assert (values["pose"], values["expression"], values["background"]) == pytest.approx((0, 0, 0), abs=1e-5)
        assert (values["seam"], values["rim"], values["sharpness"]) == pytest.approx((1, 1, 1), abs=1e-6)
        assert (values["retrieval"], values["recall"], values["tone_face"]) == (0, 1, 0)


def test_a_pasted_face_gains_identity_and_the_sliders_are_monotone(portraits, tmp_path):
    report = bench(portraits, tmp_path, MaskEngine, slider_pairs=1)
    by_metric = {metric.name: report.summary(metric, (0, 0)) for metric in METRICS}
    assert by_metric["normalised_gain"]["mean"] > 0.3
    assert by_metric["identity_gain"]["mean"] > report.summary(METRICS[1], (50, 50))["mean"] > 0
    assert by_metric["background"]["mean"] == 0
    assert len(report.sliders) == 1
    assert report.sliders[0].features == pytest.approx(1)
    # This engine has no outline of its own to move.
    assert report.sliders[0].shape == 0
    assert [report.summary(metric, (0, 0))["mean"] for metric in MONOTONY] == [pytest.approx(1), 0]


@pytest.mark.slow
def test_two_workers_measure_the_same_as_one(portraits, tmp_path):
    one = bench(portraits, tmp_path / "one", MaskEngine, slider_pairs=1)
    two = bench(portraits, tmp_path / "two", MaskEngine, slider_pairs=1, workers=2)
    assert one.to_json() == two.to_json()
    assert (tmp_path / "one" / "index.html").read_bytes() == (tmp_path / "two" / "index.html").read_bytes()


def test_failures_are_counted_and_named(portraits, tmp_path, caplog):
    with caplog.at_level(logging.CRITICAL):
        report = bench(portraits, tmp_path, FailingEngine, degrees=[(0, 0)], slider_pairs=1)
    assert [outcome.error for outcome in report.outcomes] == ["ArithmeticError: the sum of all parts is odd"] * 2
    assert all(outcome.values == {"recall": 0.0, "recall_60": 0.0, "retrieval": 0.0} for outcome in report.outcomes)
    assert report.summary(MONOTONY[0], (0, 0))["mean"] == 0
    assert "2 fusions, 2 failed" in report.table()
    assert "the sum of all parts is odd" in (tmp_path / "index.html").read_text()


def test_a_copy_of_the_user_s_photo_counts_as_the_user(portraits, tmp_path):
    copy = tmp_path / f"a-copy{portraits[0].suffix}"
    shutil.copy(portraits[0], copy)
    pairs = [(portraits[0], portraits[1]), (copy, portraits[1])]
    report = bench([*portraits, copy], tmp_path / "out", MaskEngine, pairs=pairs, degrees=[(0, 0)])
    assert [outcome.values["retrieval"] for outcome in report.outcomes] == [1, 1]


def test_a_face_that_is_not_found_again_is_a_miss(portraits, tmp_path):
    report = bench(portraits, tmp_path, BlankEngine, degrees=[(0, 0)])
    assert all(
        outcome.values == {"recall": 0.0, "recall_60": 0.0, "retrieval": 0.0} and outcome.error is None for outcome in report.outcomes
    )


def test_a_dead_worker_fails_its_fusions_only_in_the_report(portraits, tmp_path):
    report = bench(portraits, tmp_path, DyingEngine, degrees=[(0, 0)], workers=2)
    assert [outcome.error for outcome in report.outcomes] == ["the worker process died"] * 2


def test_pictures_without_a_face_or_damaged_are_named(portraits, tmp_path, caplog):
    from facemeld.media.encode import encode

    plain, damaged = tmp_path / "plain.png", tmp_path / "damaged.jpg"
    plain.write_bytes(encode(np.full((80, 80, 3), 128, np.uint8), "png"))
    damaged.write_bytes(portraits[0].read_bytes()[:300])
    pairs = [(plain, portraits[0]), (portraits[0], plain), (damaged, portraits[0])]
    with caplog.at_level(logging.CRITICAL):
        report = bench([*portraits, plain, damaged], tmp_path / "out", SimpleEngine, pairs=pairs, degrees=[(0, 0)])
    errors = [outcome.error for outcome in report.outcomes]
    assert errors[:2] == ["user plain.png: no face was found", "template plain.png: no face was found"]
    assert re.match(r"user damaged\.jpg: \w+: ", errors[2])


def test_the_report_is_a_folder_that_needs_nothing_else(portraits, tmp_path):
    report = bench(portraits, tmp_path, MaskEngine, degrees=[(0, 0)])
    pages = {path.name: path.read_text() for path in tmp_path.glob("*.html")}
    assert pages.keys() == {"index.html", "all-0-0.html"}
    for page in pages.values():
        assert "http" not in page
        links = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
        assert links
        assert all((tmp_path / link).is_file() for link in links)
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["settings"]["0/0"]["metrics"]["recall"]["mean"] == 1
    assert len(data["fusions"]) == 2
    table = (tmp_path / "table.txt").read_text()
    assert table == report.table() + "\n"
    assert all(metric.title in table for metric in METRICS + MONOTONY)


def test_worst_cases_come_first(portraits, tmp_path):
    report = bench(portraits, tmp_path, MaskEngine)
    for metric in METRICS:
        worst = [metric.badness(outcome.values[metric.name]) for outcome in report.worst(metric, (0, 0), 5)]
        assert worst == sorted(worst, reverse=True)


def test_shell_prints_the_table(portraits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bench.quality.__main__.DlibJudge", SmallPictureJudge)
    folder = str(portraits[0].parent)
    arguments = ["--users", folder, "--out", str(tmp_path), "--degrees", "0/0", "--pairs-per-user", "1", "--workers", "1", "--sliders", "0"]
    assert main([*arguments, "--engine", f"{MaskEngine.__module__}:MaskEngine"]) == 0
    assert "mask/1  FuseProfileDegree/FuseFaceDegree 0/0: 2 fusions, 0 failed, 2 users" in capsys.readouterr().out
    assert main([*arguments, "--list", __file__]) == 1
    assert "columns user and template" in capsys.readouterr().err


@pytest.mark.parametrize("degrees", ["0", "0/101", "-1/0", "a/b"])
def test_shell_refuses_wrong_degrees(degrees, capsys):
    with pytest.raises(SystemExit):
        main(["--users", ".", "--out", ".", f"--degrees={degrees}"])
    assert "expected PROFILE/FACE with numbers from 0 to 100" in capsys.readouterr().err


def test_a_user_and_a_template_may_share_a_name_but_two_users_may_not(portraits, tmp_path):
    hopper, astronaut = portraits
    (tmp_path / "other").mkdir()
    template = tmp_path / "other" / hopper.name
    shutil.copy(astronaut, template)
    report = bench(portraits, tmp_path / "out", MaskEngine, pairs=[(hopper, template)], degrees=[(0, 0)])
    assert report.outcomes[0].values["normalised_gain"] > 0
    kept = tmp_path / "out" / "pictures"
    assert (kept / "users" / hopper.name).read_bytes() == hopper.read_bytes()
    assert (kept / "templates" / hopper.name).read_bytes() == astronaut.read_bytes()
    with pytest.raises(QualityError, match="file name of its own"):
        bench([*portraits, template], tmp_path / "again", MaskEngine, pairs=[(hopper, astronaut)])


class Squares:
    """A worker that squares numbers and takes its process down at 4."""

    def square(self, number):
        return number * number

    def mortal_square(self, number):
        return number * number if number != 4 else os._exit(1)


@pytest.mark.parametrize("workers", [1, 3])
def test_answers_come_in_the_order_of_the_tasks(workers):
    seen = []
    answers = in_processes(Squares, Squares.square, range(5), workers, lambda task: -task, lambda done, total: seen.append((done, total)))
    assert answers == [0, 1, 4, 9, 16]
    assert seen == [(done, 5) for done in range(1, 6)]
    assert in_processes(Squares, Squares.square, [], workers, lambda task: -task, lambda _done, _total: None) == []


def test_only_the_task_that_kills_its_process_is_lost():
    answers = in_processes(Squares, Squares.mortal_square, range(7), 2, lambda task: -task, lambda _done, _total: None)
    assert answers == [0, 1, 4, 9, -4, 25, 36]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2, 3, 4, 5], 1.0), ([5, 4, 3, 2, 1], -1.0), ([1, 10, 11, 12, 99], 1.0), ([7, 7, 7, 7, 7], 0.0), ([1, 2, 3, 5, 4], 0.9)],
)
def test_monotony_is_the_rank_correlation_with_the_slider(values, expected):
    assert monotony(values) == pytest.approx(expected)
    assert monotony(values[1:]) is None


def test_summaries():
    summary = summarise([float(value) for value in np.arange(101)])
    assert summary == {"count": 101, "mean": 50, "median": 50, "p5": 5, "p95": 95}
    assert summarise([]) is None


def test_the_page_of_metrics_has_a_heading_for_each_in_the_order_of_the_table():
    page = (Path(__file__).resolve().parents[3] / "docs" / "quality-metrics.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", page, flags=re.MULTILINE) == [metric.name for metric in METRICS + MONOTONY]
