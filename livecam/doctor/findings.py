"""Findings of the doctor, and the troubleshooting table of its README."""

from dataclasses import dataclass

from livecam.doctor.messages import MESSAGES, Level


@dataclass(frozen=True)
class Finding:
    """Result of one check: name (for scripts), level, observation, and remedy if there is a problem."""

    name: str
    level: Level
    observation: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level.value:8} {self.observation}"
        return f"{line}\n{'':8} mend it: {self.remedy}" if self.remedy else line

    def to_dict(self) -> dict[str, str]:
        """Convert to values for JSON."""
        return {"name": self.name, "level": self.level.value, "seen": self.observation, "remedy": self.remedy}


def make_finding(name: str, **values: object) -> Finding:
    """Create the finding of a message, with `values` filled into its texts.

    Raises:
        KeyError: a value of the texts is missing.
    """
    message = MESSAGES[name]
    return Finding(name, message.level, message.observation.format(**values), message.remedy.format(**values))


# Values in the README's table for what depends on the machine.
EXAMPLES: dict[str, object] = {
    "best": 5,
    "camera": "C920",
    "cameras": "/dev/video0 (Integrated Camera)",
    "device": "/dev/video10",
    "devices": "/dev/video10 (livecam)",
    "fps": 30,
    "granted": "640x480",
    "group": "video",
    "headers": "sudo apt install linux-headers-$(uname -r)",
    "install": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "kernel": "6.1.0-28-amd64",
    "key": "/var/lib/dkms/mok.pub",
    "mend": "pip install --force-reinstall .",
    "model": "person",
    "ms": 60,
    "oldest": "0.12",
    "other": "livecam",
    "path": "/dev/video0",
    "period": 33,
    "pixels": ", as YUYV",
    "place": "System Settings > Privacy & Security > Camera",
    "processes": "zoom (pid 4711)",
    "promised": 30,
    "python": "python3",
    "rate": 16,
    "size": "1280x720",
    "smaller": "--size 640x480",
    "system": "macOS",
    "upgrade": "sudo apt install --only-upgrade v4l2loopback-dkms",
    "version": "0.11.0",
    "why": "…",
}
_EXAMPLES_BY_MESSAGE: dict[str, dict[str, object]] = {
    "camera-ambiguous": {
        "camera": "logi",
        "cameras": "/dev/video0 (Logi HD Webcam), /dev/video2 (Logi Brio)",
        "other": "/dev/video0",
    },
    "camera-dark": {"fps": 15},
    "camera-slow": {"other": "640x480"},
    "camera-unknown": {"other": "0"},
    "module-without-events": {"version": "0.12.7"},
    "opencv-broken": {"why": "libGL.so.1 is missing", "install": "sudo apt install libgl1 libglib2.0-0"},
    "virtual-forbidden": {"path": "/dev/video10"},
    "virtual-real": {"device": "/dev/video0"},
    "virtual-unknown": {"device": "studio"},
    "weights-damaged": {"why": "wrong checksum"},
    "weights-missing": {"why": "No such file or directory"},
}
_MANUAL_STEPS = ("close ", "unplug ", "allow ", "plug ")


def troubleshooting_table() -> str:
    """Return the table of all problems as Markdown, for the README."""
    lines = ["| what you see | what `livecam doctor` says | what mends it |", "|---|---|---|"]
    for name, message in MESSAGES.items():
        if message.symptom:
            finding = make_finding(name, **EXAMPLES | _EXAMPLES_BY_MESSAGE.get(name, {}))
            lines.append(
                f"| {message.symptom} | {finding.level.value}: {_escape_cell(finding.observation)} "
                f"| {_format_remedy(finding.remedy)} |"
            )
    return "\n".join(lines)


def remedy_command(remedy: str) -> str:
    """Return the command of a remedy, without the note behind it; empty if it is a step by hand."""
    return "" if remedy.startswith(_MANUAL_STEPS) else remedy.partition(" (")[0]


def _format_remedy(remedy: str) -> str:
    """Format a command as code, and a manual step as text."""
    command = remedy_command(remedy)
    if not command:
        return _escape_cell(remedy)
    return f"`{command}`{_escape_cell(remedy[len(command) :])}"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|")
