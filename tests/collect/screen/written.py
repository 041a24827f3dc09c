"""A session's log written by hand, step by step."""

import json

from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.log import STEPS

LOOK_S = 600.0


class Written:
    """A session's log written by hand: grids of ten squares, three of them planned."""

    def __init__(self, folder, grids=4):
        self.folder, self.number, self.now_s = folder, 0, 0.0
        self.session = Followed(folder)
        plan = {"grids": {str(slot): f"grid {slot}" for slot in range(1, grids + 1)}, "squares": {"count": 3},
                "holes": {"count": 2}}  # fmt: skip
        self.step("begun", "", plan)

    def step(self, step, target, result=None, *, outcome="done", takes_s=0.0, fault=""):
        lines = [{"n": self.number, "command": step, "arguments": {"target": target}, "at": self.now_s}]
        self.now_s += takes_s
        if result is not None:
            lines.append({"n": self.number, "outcome": outcome, "at": self.now_s, "result": result, "fault": fault})
        self.number += 1
        with (self.folder / STEPS).open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        self.session.refresh()
        return self.session

    def squares(self, slot, takes_s=LOOK_S):
        queue = [{"square": n, "score": 0.9, "weight": 1.0, "chosen_because": f"reason {n}" if n < 3 else ""}
                 for n in range(10)]  # fmt: skip
        shown = [{"square": n, "score": 0.9, "kind": "intact", "why": f"look {n}", "corners_px": []} for n in range(12)]
        return self.step("squares", str(slot), {"found": 12, "queue": queue, "all": shown}, takes_s=takes_s)

    def square(self, slot, number, takes_s):
        self.step("square", f"{slot}/{number}", {"queue": [], "left": []}, takes_s=takes_s)
        return self.step("visited", f"{slot}/{number}", {"counts": True})
