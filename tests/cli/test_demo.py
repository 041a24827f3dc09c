def test_the_demo_ranks_a_tomogram_above_its_spoilt_copies(command):
    done = command("demo", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "4 scored; report: out/scores/report.html",
        "the order is right: the original ranks above its spoilt copies",
    ]
    assert all(name in done.stdout for name in ("original", "noisy", "blurred", "wedge_30"))
    assert command.judged() == ["blurred", "noisy", "original", "wedge_30"]

    again = command("demo", "--out", "out")
    assert again.returncode == 0
    assert command.judged() == []
    assert "simulating" not in again.stderr


def test_a_wrong_order_is_an_error(command):
    done = command("demo", "--out", "out", STAND_IN_SPOILT="0.1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("error: the order is wrong")
