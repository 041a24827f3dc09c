import io
import sys
import time

from cryogauge.cli.progress import show_progress


def test_a_log_gets_plain_lines_while_nothing_finishes(capsys):
    said = ""
    with show_progress(3, "tomograms", every_s=0.01) as progress:
        progress.advance()
        progress.advance(failed=True)
        while said.count("2 of 3") < 2:
            said += capsys.readouterr().err
    assert said.splitlines()[-1] == "2 of 3 tomograms, 1 failed, less than a minute left"
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == "", "it falls silent at the end"


def test_the_estimate_is_of_the_work_done_now(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with show_progress(12, "tomograms") as progress:
        progress.advance(worked=False)
        assert progress.line() == "1 of 12 tomograms"
        progress.advance()
        now[0] = 60.0
        assert progress.line() == "2 of 12 tomograms, about 10 min left"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress(3, "tomograms") as progress:
        progress.advance()
        progress.say("failed: TS_1[odd]: it is empty")
    assert "1/3" in terminal.getvalue()
    assert "failed: TS_1[odd]: it is empty" in terminal.getvalue()
