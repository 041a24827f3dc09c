"""A program in SerialEM's place, on a socket: it knows the commands, the units, and a few of the ways to fail."""

import json
import socket
import threading
from contextlib import contextmanager, suppress

import numpy as np

#: Å a pixel, (y, x) and seconds by the letter of a camera parameter set.
SETS = {
    "S": (1200.0, (48, 64), 0.5),
    "V": (200.0, (64, 64), 1.0),
    "R": (1.7, (128, 96), 3.0),
    "P": (1.7, (64, 48), 1.0),
}
LETTERS = {"Search": "S", "View": "V", "Record": "R", "Preview": "P"}
ROTATION = np.deg2rad(84.0)  # of the camera against the stage


class StandInSEM:
    """SerialEM and its microscope.

    version 4.0 has fewer commands and reports fewer values than 4.2; a JEOL loader reports others again.
    """

    def __init__(self, version="4.2", jeol=False):
        self.version, self.jeol = version, jeol
        self.heard, self.fail, self.calls = 0, {}, []
        self.stage = [1.0, 2.0, 0.0]
        self.tilt = self.defocus_um = self.eucentric_z = 0.0
        self.image_shift, self.beam_shift = [0.0, 0.0], [0.0, 0.0]
        self.slit, self.valves, self.loaded, self.jammed = True, 1, 0, False
        self.low_dose, self.area, self.target_um, self.change_limits = 0, "", 0.0, (-1e9, 1e9)
        self.exposures = {letter: seconds for letter, (_, _, seconds) in SETS.items()}
        self.last, self.saving, self.navigator, self.filling = "R", False, True, 0
        self.rough_limit, self.eucen_failed, self.drift_nm_s = 1e9, 0, 0.05
        self.measured_um, self.focus_given_up, self.largest_shift_um = 0.0, 0, 1e9
        self._answers = threading.Event()
        self._answers.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._connection = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._answers.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()
        self._thread.join(5)

    def drop(self):
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def hanging(self):
        self._answers.clear()
        yield
        self._answers.set()

    def _serve(self):
        while True:
            try:
                self._connection, _ = self._server.accept()
            except OSError:
                return
            with self._connection as connection, connection.makefile("rwb") as file:
                try:
                    for line in file:
                        name, *arguments = json.loads(line)
                        self._answers.wait(30)
                        self._answer(file, name, arguments)
                        file.flush()
                except OSError:
                    continue

    def _answer(self, file, name, arguments):
        self.calls.append((name, *arguments))
        if name in self.fail:
            return file.write(json.dumps({"error": self.fail[name]}).encode() + b"\n")
        if name == "bufferImage":
            shape = SETS[self.last][1]
            file.write(json.dumps({"values": shape}).encode() + b"\n")
            y, x = np.indices(shape)
            return file.write((1000 + 10 * y + x).astype(np.uint16).tobytes())
        try:
            values = getattr(self, f"_{name.replace(' ', '_')}")(*arguments)
        except ValueError as error:
            return file.write(json.dumps({"error": str(error)}).encode() + b"\n")
        values = [] if values is None else list(values) if isinstance(values, (list, tuple)) else [values]
        return file.write(json.dumps({"values": values}).encode() + b"\n")

    # ---------------------------------------------------------------- questions
    def _left_out(self):
        added = ["GoToImagingState", "BufImageToStageMatrix", "LimitNextRoughEucen", "ReportRoughEucenFailed"]
        return [] if self.version == "4.2" else added

    def _Exit(self, code=0, message=""): ...
    def _SuppressReports(self, on=1): ...
    def _ErrorsToLog(self, on=1): ...
    def _NoMessageBoxOnError(self, on=1): ...

    def _ReportStageXYZ(self):
        return self.stage

    def _ReportTiltAngle(self):
        return self.tilt

    def _ReportDefocus(self):
        return self.defocus_um

    def _ReportAutoFocus(self):
        return [self.measured_um, self.focus_given_up] if self.version == "4.2" else self.measured_um

    def _GetWaitTaskDrift(self):
        return [self.drift_nm_s, int(self.drift_failed)]

    def _ReportEnergyFilter(self):
        return [20.0, 0.0, int(self.slit)]

    def _ReportExposure(self, letter):
        return [self.exposures[letter], 0.0]

    def _ReportColumnOrGunValve(self):
        return self.valves

    def _AreDewarsFilling(self):
        return self.filling

    def _IsPVPRunning(self):
        return 0

    def _ReportRoughEucenFailed(self):
        return self.eucen_failed

    def _ReportSlotStatus(self, slot):
        if slot > 4:
            raise ValueError("Requesting status of slot gives an error")
        occupied = int(slot in (1, 2) and slot != self.loaded)
        if self.jeol:
            return [slot + 100 if occupied else -1, *([3, slot, 1, 0, f"grid{slot}"] if occupied else [])]
        if slot == 4:
            return -1
        return [occupied, f"grid{slot}"] if self.version == "4.2" and occupied else occupied

    def _ImageProperties(self, buffer="A"):
        pixel_A, (height, width), _ = SETS[self.last]
        return [width, height, 1.0, self.exposures[self.last], pixel_A / 10.0, "VFTRPS".index(self.last)]

    def _BufImageToStageMatrix(self, buffer, adjust=0):
        if not self.navigator:
            raise ValueError("The Navigator must be open to execute line: BufImageToStageMatrix")
        um = SETS[self.last][0] / 1e4
        c, s = um * np.cos(ROTATION), um * np.sin(ROTATION)
        return [c, -s, s, c, 0.0, 0.0]

    def _ReportLastFrameFile(self):
        name = r"X:\frames\movie_0001.tif"
        return [name, "movie_0001.tif"] if self.version == "4.2" else name

    # ---------------------------------------------------------------- commands
    def _SetImageShift(self, x, y, delay=0.0, adjust=0):
        self.image_shift = [x, y]

    def _ImageShiftByStageDiff(self, x, y, delay=0.0, adjust=0):
        self.heard += 1
        if np.hypot(x, y) > self.largest_shift_um:
            return 1.0  # not done, and no error: a warning in the log
        self.image_shift = [self.image_shift[0] + x, self.image_shift[1] + y]

    def _MoveBeamByMicrons(self, x, y):
        self.heard += 1
        self.beam_shift = [self.beam_shift[0] + x, self.beam_shift[1] + y]

    def _SetDefocus(self, um):
        self.heard += 1
        self.defocus_um = um

    def _SetSlitIn(self, on=1):
        self.heard += 1
        self.slit = bool(on)

    def _RefineZLP(self, interval=0.0):
        self.heard += 1

    def _SetColumnOrGunValve(self, on):
        self.valves = on

    def _LoadCartridge(self, slot):
        self.heard += 1
        if self.valves:
            raise ValueError("The column valves are open")
        if self.jammed:
            raise ValueError("The autoloader reports an error")
        self.loaded = slot

    def _SetLowDoseMode(self, on):
        self.low_dose = on

    def _GoToLowDoseArea(self, area):
        if not self.low_dose or area not in "VFTRS":
            raise ValueError("There is no such area, or Low Dose is off")
        self.area = area

    def _GoToImagingState(self, name):
        return 0 if name == "Atlas" else 1

    def _MoveStageTo(self, x, y, z=None):
        self.heard += 1
        self.stage = [x, y, self.stage[2] if z is None else z]

    def _TiltTo(self, angle, *rest):
        self.heard += 1
        self.tilt = angle

    def _LimitNextRoughEucen(self, um):
        self.rough_limit = um

    def _Eucentricity(self, which=2):
        self.heard += 1
        if abs(self.eucentric_z - self.stage[2]) > self.rough_limit:
            self.eucen_failed = 1
        else:
            self.stage[2], self.eucen_failed = self.eucentric_z, 0

    def _FocusChangeLimits(self, low, high):
        self.change_limits = (low, high)

    def _SetTargetDefocus(self, um):
        if not -200 <= um <= 50:
            raise ValueError("Target defocus too large in statement")
        self.target_um = um

    def _AutoFocus(self, *rest):
        self.heard += 1
        self.measured_um = self.target_um + 0.02
        if self.change_limits[0] <= self.target_um - self.defocus_um <= self.change_limits[1]:
            self.defocus_um, self.focus_given_up = self.target_um, 0
        else:
            self.focus_given_up = 2  # defocus as it was, and no error: a warning in the log

    def _DriftWaitTask(self, rate=0.0, unit="0", most=0.0, interval=0.0, failure=0, *rest):
        self.heard += 1
        self.drift_failed = self.drift_nm_s > rate / (10 if unit == "A" else 1)

    def _SetExposure(self, letter, seconds, drift=0.0):
        self.exposures[letter] = seconds

    def _SetDoseFracParams(self, letter, fractions, save=0, align=0, *rest):
        self.saving = bool(save)

    def _RestoreCameraSet(self, letter=""):
        self.exposures[letter], self.saving = SETS[letter][2], False

    def _shot(self, name):
        self.heard += 1
        self.last = LETTERS[name]
        self.taken = (name, self.exposures[self.last], self.saving)

    def _Search(self):
        self._shot("Search")

    def _View(self):
        self._shot("View")

    def _Record(self):
        self._shot("Record")

    def _Preview(self):
        self._shot("Preview")
