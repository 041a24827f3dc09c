"""What people want, given and read."""

import os

import pytest

from cryogauge.collect.screen import orders
from cryogauge.records import BadInput


def test_orders_come_to_what_was_wanted_last(tmp_path):
    orders.exclude(tmp_path, "2", "Ada")
    orders.exclude(tmp_path, "3/17", "Ada")
    orders.include(tmp_path, "2", "Ben")
    orders.put_first(tmp_path, "3/4", "Ada")
    orders.put_first(tmp_path, "5", "Ben")
    orders.put_first(tmp_path, "3/4", "Ben")
    orders.pause(tmp_path, "Ada")
    orders.remark(tmp_path, "3", "Ben", "thick")
    read = orders.read_orders(tmp_path)
    assert read.excluded == {"3/17": "Ada"}
    assert read.first == ["3/4", "5"]
    assert (read.paused, read.stopped) == ("Ada", "")
    assert read.remarks == [("3", "Ben", "thick")]
    orders.go_on(tmp_path, "Ben")
    assert orders.read_orders(tmp_path).paused == ""


def test_no_orders_are_none(tmp_path):
    assert orders.read_orders(tmp_path) == orders.Orders()


@pytest.mark.parametrize("target", ["", "a", "1/", "1/2/3", "../1"])
def test_what_is_no_target_is_refused(tmp_path, target):
    with pytest.raises(BadInput, match="is no target"):
        orders.exclude(tmp_path, target, "Ada")
    assert not (tmp_path / orders.ORDERS).exists()


def test_an_order_has_a_name_and_a_session(tmp_path):
    with pytest.raises(BadInput, match="who gives it"):
        orders.pause(tmp_path, " ")
    with pytest.raises(BadInput, match="no folder of a session"):
        orders.pause(tmp_path / "none", "Ada")


def test_a_line_cut_short_waits_and_rubbish_pauses(tmp_path):
    orders.pause(tmp_path, "Ada")
    with open(tmp_path / orders.ORDERS, "ab") as file:
        file.write(b'{"order": "st')
    assert orders.read_orders(tmp_path).paused == "Ada"
    with open(tmp_path / orders.ORDERS, "ab") as file:
        file.write(b"\n" + os.urandom(4).hex().encode() + b"\n")
    assert orders.read_orders(tmp_path).paused == "line 3 of orders.jsonl, which is no order"
    orders.go_on(tmp_path, "Ada")
    assert orders.read_orders(tmp_path).paused == ""
